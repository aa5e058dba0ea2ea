"""fab and inv as processes: what is refused before anything connects, and what a shell, a pipe or a script sees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.client import Lab
from tests.system.conftest import ROOT, Operator

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


def test_an_unknown_name_is_refused_before_any_connection_with_a_suggestion(operator: Operator) -> None:
    ran = operator.fab("-H", "pve1", "cluster.status")

    assert (ran.exit, ran.out) == (2, "")
    assert "pve1" in ran.err
    assert "pve01" in ran.err


@pytest.mark.parametrize("hosts", ["nosuch", "@nosuch", ",", "", "pve01,nosuch"])
def test_names_that_mean_nothing_end_with_2(operator: Operator, hosts: str) -> None:
    assert operator.fab("-H", hosts, "cluster.status").exit == 2


def test_names_groups_blanks_and_repetition_are_understood(operator: Operator) -> None:
    assert operator.fab("-H", " pve02 , @lab,pve02", "cluster.status").exit == 0


def test_a_broken_hosts_toml_names_file_and_place(inventory: Path) -> None:
    inventory.write_text("[clusters.lab\n")
    ran = Operator(inventory).fab("cluster.status")
    assert ran.exit == 2
    assert str(inventory) in ran.err

    inventory.write_text('[clusters.lab]\nuser = "root"\n[clusters.lab.nodes.pve01]\nadress = "192.0.2.1"\n')
    ran = Operator(inventory).fab("cluster.status")
    assert ran.exit == 2
    assert "adress" in ran.err


def test_a_missing_hosts_toml_says_where_it_looked(tmp_path: Path) -> None:
    ran = Operator(tmp_path / "nothing.toml").fab("cluster.status")

    assert ran.exit == 2
    assert str(tmp_path / "nothing.toml") in ran.err


def test_a_key_that_is_missing_or_no_key_is_one_finding_per_node(operator: Operator, inventory: Path) -> None:
    key = inventory.with_name("id_ed25519")
    key.unlink()
    missing = Operator(inventory).status()
    assert missing.exit == 11
    assert {code for code, _ in missing.findings} == {"NOD-W-0007"}

    key.write_text("not a key\n")
    assert {code for code, _ in Operator(inventory).status().findings} == {"NOD-W-0007"}


def test_from_another_folder_with_r(operator: Operator, tmp_path: Path) -> None:
    ran = operator.run("fab", "-r", str(ROOT), "cluster.status", "--json", cwd=tmp_path)

    assert ran.exit == 0
    assert ran.document["cluster"] == "lab"


def test_without_our_executor_nothing_runs(operator: Operator, tmp_path: Path) -> None:
    for name in ("fabfile", "parsers", "pvefleet"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))

    for argv in (("cluster.status",), ("-H", "127.0.0.1", "cluster.status")):
        ran = operator.run("fab", *argv, cwd=tmp_path)
        assert ran.exit == 2
        assert "executor" in ran.err


def test_inv_on_a_workstation_is_refused(operator: Operator) -> None:
    ran = operator.run("inv", "cluster.status")

    assert ran.exit == 2
    assert "fab cluster.status" in ran.err


def test_piped_input_is_left_alone(operator: Operator) -> None:
    ran = operator.run("fab", "cluster.status", "--json", stdin="a\nb\n" * 1000)

    assert ran.exit == 0


def test_the_tables_have_no_colour_in_a_pipe(operator: Operator) -> None:
    assert "\x1b" not in operator.fab("cluster.status").out


def test_narrow_terminals_get_narrow_lines(operator: Operator) -> None:
    ran = operator.fab("cluster.status", COLUMNS="40")

    assert ran.exit == 0
    assert max(map(len, ran.out.splitlines())) <= 40


def on_a_terminal(operator: Operator, columns: int, **variables: str) -> str:
    """Run the status on a pseudo-terminal of its own."""
    script = shutil.which("script")
    if script is None:
        pytest.skip("needs script(1) of bsdutils")
    import subprocess
    import sys

    fab = Path(sys.executable).with_name("fab")
    import os

    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    environment |= {"PVEFLEET_HOSTS": str(operator.hosts), "TERM": "xterm-256color", **variables}
    command = f"stty cols {columns}; {fab} cluster.status"
    done = subprocess.run(
        [script, "-qec", command, "/dev/null"], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=True
    )
    return done.stdout.decode()


def test_a_terminal_gets_colour_unless_it_says_no(operator: Operator) -> None:
    assert "\x1b[32m" in on_a_terminal(operator, 80)
    assert "\x1b[3" not in on_a_terminal(operator, 80, NO_COLOR="1")


def test_a_reader_that_leaves_early_gets_no_complaint(operator: Operator) -> None:
    import os
    import subprocess
    import sys

    fab = Path(sys.executable).with_name("fab")
    done = subprocess.run(
        f"{fab} cluster.status | head -1",
        shell=True,
        cwd=ROOT,
        env=os.environ | {"PVEFLEET_HOSTS": str(operator.hosts)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("Cluster")
    assert done.stderr == ""


def test_two_reports_in_one_command_line_end_with_the_worst(operator: Operator, lab: Lab) -> None:
    lab.cut("pve02", link=1)
    operator.until(("LNK-W-0001", "pve02/link1"))

    ran = operator.fab("cluster.links", "cluster.nodes")

    assert ran.exit == 4
    assert "NODE" in ran.out, "the second task ran although the first ended with a warning"


def test_nodes_and_links_as_json(operator: Operator) -> None:
    nodes = operator.fab("cluster.nodes", "--json")
    assert (nodes.exit, nodes.document["kind"]) == (0, "NodesReport")
    links = operator.fab("cluster.links", "--json")
    assert (links.exit, links.document["kind"]) == (0, "LinksReport")
    assert {row["mtu"] for row in links.document["links"]} != {None}


def test_a_plain_command_on_nodes(operator: Operator) -> None:
    ran = operator.fab("-H", "pve03,pve01", "cluster.exec", "--", "uname", "-n")
    assert (ran.exit, ran.out) == (0, "pve03  pve03\npve01  pve01\n")

    failed = operator.fab("-H", "pve01", "cluster.exec", "--command", "echo out; echo err >&2; exit 7", "--json")
    assert failed.exit == 20
    assert {key: failed.node("pve01")[key] for key in ("exit", "stdout", "stderr")} == {
        "exit": 7,
        "stdout": "out\n",
        "stderr": "err\n",
    }


def test_a_plain_command_over_its_limit_is_an_unknown_outcome(operator: Operator) -> None:
    ran = operator.fab("-H", "pve01", "cluster.exec", "--command", "sleep 30", "--timeout", "1", "--json")

    assert ran.exit == 22
    assert ran.seconds < 10


@pytest.mark.parametrize(
    "argv",
    [
        ("cluster.exec", "--command", "true"),
        ("-H", "pve01", "cluster.exec"),
        ("-H", "pve01", "cluster.exec", "--command", "a", "--", "b"),
        ("-H", "pve01", "cluster.exec", "--command", "true", "--timeout", "soon"),
    ],
)
def test_a_plain_command_without_target_or_command_is_refused(operator: Operator, argv: tuple[str, ...]) -> None:
    assert operator.fab(*argv).exit == 2


def test_exec_on_dead_nodes(operator: Operator, lab: Lab) -> None:
    lab.kill("pve02")

    one = operator.fab("-H", "pve02", "cluster.exec", "--command", "true", "--json")
    assert one.exit == 11
    both = operator.fab("-H", "pve02,pve01", "cluster.exec", "--command", "true", "--json")
    assert both.exit == 20
    assert [row["exit"] for row in both.document["nodes"]] == [None, 0]


@pytest.fixture
def on_node(lab_cluster: Lab) -> Path:
    """The tree as a node would have it; the node's own python3 finds Invoke and the other pure libraries beside it."""
    import importlib.util

    target = "/root/pvefleet"
    if lab_cluster.exec("pve01", ["test", "-d", target])[0] != 0:
        import io
        import tarfile

        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for name in ("fabfile", "parsers", "pvefleet"):
                tar.add(ROOT / name, f"pvefleet/{name}", filter=lambda i: None if "__pycache__" in i.name else i)
            for library in (
                "invoke",
                "rich",
                "pygments",
                "markdown_it",
                "mdurl",
                "cattrs",
                "attr",
                "attrs",
                "platformdirs",
            ):
                spec = importlib.util.find_spec(library)
                if spec and spec.submodule_search_locations:
                    tar.add(
                        spec.submodule_search_locations[0],
                        f"pvefleet/{library}",
                        filter=lambda i: None if "__pycache__" in i.name else i,
                    )
        code, _, err = lab_cluster.exec("pve01", ["tar", "-xf", "-", "-C", "/root"], stdin=data.getvalue())
        assert code == 0, err
    return Path(target)


NODE_TASKS = """\
import sys
sys.path.insert(0, "/root/pvefleet")
from invoke import Collection, Program
import fabfile
ns = Collection(*fabfile.ns.collections.values())
ns.configure({"pvefleet_local": True})
try:
    Program(namespace=ns).run(["inv", *sys.argv[1:]])
finally:
    loaded = sorted(name for name in sys.modules if name.partition(".")[0] in ("fabric", "paramiko", "jc", "testinfra"))
    print("LOADED", loaded, file=sys.stderr)
"""


def test_inv_on_a_node_shows_that_nodes_view_alone_without_any_ssh_library(on_node: Path, lab_cluster: Lab) -> None:
    code, out, err = lab_cluster.exec("pve01", ["python3", "-c", NODE_TASKS, "cluster.status", "--json"], timeout=60)

    assert "LOADED []" in err.decode()
    assert code == 0, out.decode()
    document = json.loads(out)
    assert document["here"] == "pve01"
    assert {row["name"]: row["state"] for row in document["nodes"]} == {
        "pve01": "online",
        "pve02": "not-seen",
        "pve03": "not-seen",
    }
    assert document["nodes_read"] == 1


def test_the_list_of_tasks_loads_no_ssh_library_with_inv() -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.argv = ['inv', '--list']\n"
        "from invoke import Program, Collection\n"
        "import fabfile\n"
        "assert fabfile.ns.collections\n"
        "print(sorted(n for n in sys.modules if n.partition('.')[0] in ('fabric', 'paramiko', 'jc', 'rich', 'cattrs')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"

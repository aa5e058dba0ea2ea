"""What a node's script reads of the guests: the real shell text, run on a folder that stands for /etc/pve."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pvefleet.facts import guest_configs
from pvefleet.facts.sources import Answers, Source, compose, decode
from pvefleet.model.guest_facts import ConfigFiles, GuestFacts
from pvefleet.model.observation import ProblemKind

NONCE = "0123456789abcdef"
WELL = Source("probe", "true", 2)


@dataclass
class Machine:
    """A folder with what a node's /etc/pve and /var/log/pve hold."""

    root: Path

    @property
    def pve(self) -> Path:
        return self.root / "pve"

    def guest(self, node: str, kind: str, vmid: int, text: str = "name: web\n") -> Path:
        path = self.pve / "nodes" / node / kind / f"{vmid}.conf"
        path.write_text(text)
        return path

    def members(self, **online: int) -> None:
        """The file as pmxcfs writes it."""
        rows = ",\n".join(
            f'  "{name}": {{ "id": {number}, "online": {up}, "ip": "192.0.2.{number}"}}'
            for number, (name, up) in enumerate(online.items(), 1)
        )
        head = f'"cluster": {{ "name": "lab", "version": 3, "nodes": {len(online)}, "quorate": 1 }},\n'
        text = f'{{\n"nodename": "x",\n"version": 3,\n{head}"nodelist": {{\n{rows}\n  }}\n}}\n'
        json.loads(text)
        (self.pve / ".members").write_text(text)

    def stand_on(self, node: str) -> None:
        (self.pve / "local").unlink(missing_ok=True)
        (self.pve / "local").symlink_to(f"nodes/{node}")

    def answers(self, *sources: Source) -> Answers:
        placed = [
            Source(
                one.name,
                one.shell.replace("/etc/pve", str(self.pve)).replace("/var/log", str(self.root / "log")),
                5,
            )
            for one in sources
        ]
        done = subprocess.run(
            ["/bin/sh", "-s", "--", NONCE],
            input=compose(placed, WELL).encode(),
            capture_output=True,
            timeout=30,
            check=True,
        )
        return decode(done.stdout, NONCE)

    def facts(self) -> GuestFacts:
        return guest_configs.guest_facts(self.answers(*guest_configs.SOURCES))

    def files(self) -> ConfigFiles:
        found = self.facts().files
        assert found.value is not None, found.problem
        return found.value


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    for node in ("pve01", "pve02", "pve03", "pve04"):
        for kind in ("qemu-server", "lxc"):
            (made.pve / "nodes" / node / kind).mkdir(parents=True)
    (tmp_path / "log" / "pve" / "tasks").mkdir(parents=True)
    made.guest("pve01", "qemu-server", 100)
    made.guest("pve02", "lxc", 101, "hostname: dns\n")
    made.guest("pve03", "qemu-server", 102)
    made.guest("pve04", "qemu-server", 103)
    made.members(pve01=1, pve02=1, pve03=1, pve04=1)
    return made


def read(files: ConfigFiles) -> list[tuple[int, str, str]]:
    return sorted((file.vmid, file.node, file.type) for file in files.files)


EVERYTHING = [(100, "pve01", "qemu"), (101, "pve02", "lxc"), (102, "pve03", "qemu"), (103, "pve04", "qemu")]


@pytest.mark.parametrize("node", ["pve01", "pve02"])
def test_the_two_online_members_of_lowest_id_read_every_nodes_guests(machine: Machine, node: str) -> None:
    machine.stand_on(node)

    files = machine.files()

    assert files.everything
    assert read(files) == EVERYTHING


@pytest.mark.parametrize(("node", "own"), [("pve03", EVERYTHING[2]), ("pve04", EVERYTHING[3])])
def test_every_other_node_reads_its_own(machine: Machine, node: str, own: tuple[int, str, str]) -> None:
    machine.stand_on(node)

    files = machine.files()

    assert not files.everything
    assert read(files) == [own]


def test_where_a_speaker_is_down_the_next_member_speaks(machine: Machine) -> None:
    machine.members(pve01=0, pve02=1, pve03=1, pve04=1)
    machine.stand_on("pve03")

    assert read(machine.files()) == EVERYTHING


def test_the_lowest_id_counts_as_a_number_and_not_the_order_of_the_file(machine: Machine) -> None:
    (machine.pve / ".members").write_text(
        '{\n"nodelist": {\n'
        '  "pve03": { "id": 10, "online": 1, "ip": "192.0.2.1"},\n'
        '  "pve04": { "id": 9, "online": 1},\n'
        '  "pve02": { "id": 2, "online": 1, "ip": "192.0.2.3"}\n  }\n}\n'
    )
    everything = {}
    for node in ("pve02", "pve03", "pve04"):
        machine.stand_on(node)
        everything[node] = machine.files().everything

    assert everything == {"pve02": True, "pve03": False, "pve04": True}


@pytest.mark.parametrize("text", ['{\n"nodename": "pve04",\n"version": 3\n}\n', "", "something else\n", None])
def test_where_members_names_nobody_everything_is_read(machine: Machine, text: str | None) -> None:
    (machine.pve / ".members").unlink()
    if text is not None:
        (machine.pve / ".members").write_text(text)
    machine.stand_on("pve04")

    assert read(machine.files()) == EVERYTHING


def test_the_second_look_reads_everything_from_any_node(machine: Machine) -> None:
    machine.stand_on("pve04")

    answers = machine.answers(guest_configs.EVERYTHING)
    moved = Answers({"guest-configs": answers.by_name["guest-configs-all"]}, 0.0, 0.0)

    found = guest_configs.files(moved).value
    assert found is not None
    assert read(found) == EVERYTHING


def test_a_node_without_guests_and_one_without_directories_read_as_none(machine: Machine) -> None:
    (machine.pve / "nodes" / "pve05").mkdir()
    for node in ("pve03", "pve05"):
        machine.stand_on(node)
        for path in machine.pve.glob("nodes/pve03/*/*.conf"):
            path.unlink()
        assert read(machine.files()) == []


def test_a_directory_that_cannot_be_listed_is_no_directory_without_guests(machine: Machine) -> None:
    machine.stand_on("pve03")
    (machine.pve / "nodes").rename(machine.pve / "gone")

    assert machine.facts().files.kind is ProblemKind.FAILED


def test_a_node_without_a_name_of_its_own_fails(machine: Machine) -> None:
    assert machine.facts().files.kind is ProblemKind.FAILED


def test_temporary_files_and_strange_names_are_no_guests(machine: Machine) -> None:
    machine.stand_on("pve03")
    folder = machine.pve / "nodes" / "pve03" / "qemu-server"
    for name in ("102.conf.tmp.4711", "007.conf", "abc.conf", "99.conf", "102.conf~"):
        (folder / name).write_text("name: no\n")
    (folder / "200.conf").symlink_to("102.conf")

    assert read(machine.files()) == [EVERYTHING[2]]


def test_a_file_that_is_not_understood_says_why_and_where_and_the_others_are_read(machine: Machine) -> None:
    machine.stand_on("pve01")
    machine.guest("pve01", "qemu-server", 104, "name: broken\nwhat is this\n")

    files = {file.vmid: file for file in machine.files().files}

    assert files[104].conf is None
    assert files[104].problem == "line 2: neither an option, a section nor a comment: 'what is this'"
    assert files[100].conf is not None


def test_a_file_that_tar_had_to_fill_up_with_zeros_is_not_taken_for_whole(machine: Machine) -> None:
    machine.stand_on("pve03")
    (machine.pve / "nodes/pve03/qemu-server/102.conf").write_bytes(b"name: web\n\0\0\0\0")

    assert machine.files().files[0].problem == "it was replaced while it was read"


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_an_archive_that_broke_off_is_not_understood(machine: Machine, cut: int) -> None:
    machine.stand_on("pve01")
    answers = machine.answers(guest_configs.SOURCES[0])
    whole = answers.by_name["guest-configs"]
    broken = Answers({"guest-configs": replace(whole, stdout=whole.stdout[:-cut])}, 0.0, 0.0)

    assert guest_configs.files(broken).kind is ProblemKind.NOT_UNDERSTOOD


def test_pools_and_guests_under_ha(machine: Machine) -> None:
    machine.stand_on("pve01")
    (machine.pve / "user.cfg").write_text("user:root@pam:1:0:::::\npool:prod:all of it:100,101::\n")
    (machine.pve / "ha").mkdir()
    (machine.pve / "ha" / "resources.cfg").write_text("vm: 100\n\tstate started\n\nct: 101\n\n")

    facts = machine.facts()

    assert [(pool.name, pool.vmids) for pool in facts.pools.value or ()] == [("prod", (100, 101))]
    assert [one.sid for one in facts.ha.value or ()] == ["vm:100", "ct:101"]


def test_without_the_files_there_are_no_pools_and_no_ha(machine: Machine) -> None:
    machine.stand_on("pve01")
    assert (machine.facts().pools.value, machine.facts().ha.value) == ((), ())

    (machine.pve / "user.cfg").write_text("user:root@pam:1:0:::::\n")
    (machine.pve / "ha").mkdir()
    assert (machine.facts().pools.value, machine.facts().ha.value) == ((), ())


def test_files_that_are_there_and_cannot_be_read_are_problems(machine: Machine) -> None:
    machine.stand_on("pve01")
    (machine.pve / "user.cfg").symlink_to("nowhere")
    (machine.pve / "ha").mkdir()
    (machine.pve / "ha" / "resources.cfg").symlink_to("nowhere")

    facts = machine.facts()

    assert (facts.pools.kind, facts.ha.kind) == (ProblemKind.FAILED, ProblemKind.FAILED)


def upid(pid: int, start: int, kind: str = "qmsnapshot", vmid: str = "100") -> str:
    return f"UPID:pve01:{pid:08X}:{start:08X}:6B000000:{kind}:{vmid}:root@pam:"


def start_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_tasks_are_those_that_live(machine: Machine) -> None:
    machine.stand_on("pve01")
    mine, start = os.getpid(), start_of(os.getpid())
    (machine.root / "log" / "pve" / "tasks" / "active").write_text(
        f"{upid(mine, start)} 0\n"
        f"{upid(mine, start + 1, vmid='101')} 0\n"
        f"{upid(2**22 + 5, 7, vmid='102')} 0\n"
        f"{upid(mine, start, vmid='103')} 1 6B000001 OK\n"
    )

    tasks = machine.facts().tasks

    assert tasks.value is not None, tasks.problem
    assert [(task.upid.type, task.upid.id, task.upid.pid) for task in tasks.value] == [("qmsnapshot", "100", mine)]


def test_a_node_that_never_ran_a_task_has_none(machine: Machine) -> None:
    machine.stand_on("pve01")
    assert machine.facts().tasks.value == ()
    for folder in ("log/pve/tasks", "log/pve"):
        (machine.root / folder).rmdir()
        assert machine.facts().tasks.value == ()
    (machine.root / "log").rmdir()
    assert machine.facts().tasks.kind is ProblemKind.FAILED


def test_tasks_of_an_unknown_form_are_a_problem(machine: Machine) -> None:
    machine.stand_on("pve01")
    (machine.root / "log" / "pve" / "tasks" / "active").write_text("UPID:pve01:nonsense\n")

    assert machine.facts().tasks.kind is ProblemKind.FAILED

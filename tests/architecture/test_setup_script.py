"""setup/setup.sh on machines that lack something, made of a PATH that holds only what the test puts there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534

PLAIN_TOOLS = ("bash", "cat", "dirname", "head", "mktemp", "rm", "sha256sum", "sort")
LAB_TOOLS = ("mmdebstrap", "newuidmap", "nsenter", "unshare")


@dataclass(frozen=True, slots=True)
class Machine:
    """A folder with a copy of the script in ``tree``, and ``bin`` as its whole PATH."""

    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def has(self, *names: str) -> None:
        """Give the machine programs: the real ones, or stand-ins that do nothing where they are missing here too."""
        for name in names:
            if found := shutil.which(name):
                (self.folder / "bin" / name).symlink_to(found)
            else:
                self.stub(name, "")

    def stub(self, name: str, body: str) -> None:
        path = self.folder / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def python(self, version: str, *, has_venv: bool = True) -> None:
        """A python3 of *version*: it tells its version and makes an environment whose pip notes what it is asked."""
        major, minor = version.split(".")[:2]
        new_enough = 0 if (int(major), int(minor)) >= (3, 11) else 1
        self.stub(
            "python3",
            f"""
case "$1" in
--version) echo "Python {version}" ;;
-c) case "$2" in *venv*) echo python{major}.{minor}-venv ;; *) exit {new_enough} ;; esac ;;
-) [ {new_enough} = 0 ] && {{ [ "$2" = True ] || {str(has_venv).lower()}; }} && echo "$0" ;;
-m) case "$2" in
    venv) mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; touch "$4/pyvenv.cfg"
          echo "#!$PWD/$4/bin/python" >"$4/bin/pip" ;;
    pip) echo "pip $*" >>"{self.folder}/log" ;;
    esac ;;
esac""",
        )
        self.has("mkdir", "cp", "touch")

    def setup(self, *, root: bool) -> subprocess.CompletedProcess[str]:
        argv = [str(self.folder / "bin/bash"), "setup/setup.sh"]
        if root and os.geteuid() != 0:
            pytest.skip("only root can see what root sees")
        if not root and os.geteuid() == 0:
            argv = [
                shutil.which("setpriv") or "setpriv",
                f"--reuid={NOBODY}",
                f"--regid={NOBODY}",
                "--clear-groups",
                *argv,
            ]
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        env = {"PATH": str(self.folder / "bin"), "TMPDIR": str(self.folder)}
        return subprocess.run(argv, cwd=self.tree, env=env, capture_output=True, text=True, timeout=60, check=False)

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="setup-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "bin").mkdir()
        (folder / "tree/setup").mkdir(parents=True)
        # The script looks into the folders of system programs as well, wherever PATH points: not on this machine.
        script = (ROOT / "setup/setup.sh").read_text().replace("PATH=$PATH:/usr/sbin:/sbin\n", "")
        script = script.replace("/usr/share/keyrings/debian-archive-keyring.gpg", f"{folder}/bin/keyring")
        (folder / "tree/setup/setup.sh").write_text(script)
        (folder / "tree/requirements.lock").write_text("fabric==3.2.3 --hash=sha256:00\n")
        made = Machine(folder)
        made.has(*PLAIN_TOOLS)
        made.stub("keyring", "")
        yield made


def test_a_sound_machine_gets_its_environment_once(machine: Machine) -> None:
    machine.has(*LAB_TOOLS)
    machine.python("3.13.5")
    first, second = machine.setup(root=False), machine.setup(root=False)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "making .venv with Python 3.13.5" in first.stdout
    assert second.stdout == "setup: .venv is ready\n"
    assert len(machine.log) == 1
    assert "--require-hashes --only-binary :all: -r requirements.lock" in machine.log[0]


def test_a_changed_lock_is_installed_into_the_same_environment(machine: Machine) -> None:
    machine.has(*LAB_TOOLS)
    machine.python("3.11.2")
    machine.setup(root=False)
    (machine.tree / "requirements.lock").write_text("fabric==3.2.4 --hash=sha256:00\n")
    again = machine.setup(root=False)
    assert "making" not in again.stdout
    assert "installing requirements.lock" in again.stdout
    assert len(machine.log) == 2


def test_an_environment_that_was_moved_is_made_anew(machine: Machine) -> None:
    machine.has(*LAB_TOOLS)
    machine.python("3.11.2")
    machine.setup(root=False)
    (machine.tree / ".venv/bin/pip").write_text("#!/elsewhere/.venv/bin/python\n")
    assert "making .venv" in machine.setup(root=False).stdout


def test_a_folder_that_is_no_environment_is_left_alone(machine: Machine) -> None:
    machine.has(*LAB_TOOLS)
    machine.python("3.11.2")
    (machine.tree / ".venv").mkdir()
    (machine.tree / ".venv/letter").write_text("dear all")
    refused = machine.setup(root=False)
    assert refused.returncode == 1
    assert refused.stderr == "setup: .venv is there, but is no virtual environment: move it away\n"
    assert (machine.tree / ".venv/letter").read_text() == "dear all"


@pytest.mark.parametrize(
    ("version", "has_venv", "package"), [("3.10.12", True, "python3-venv"), ("3.13.5", False, "python3.13-venv")]
)
def test_without_a_usable_python_an_ordinary_user_reads_one_line(
    machine: Machine, version: str, has_venv: bool, package: str
) -> None:
    machine.has(*LAB_TOOLS)
    machine.python(version, has_venv=has_venv)
    refused = machine.setup(root=False)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"setup: needs Python 3.11 or newer with venv (here: Python {version}); as root: apt-get install {package}\n"
    )


def test_without_the_labs_programs_an_ordinary_user_still_gets_the_tool(machine: Machine) -> None:
    machine.has("unshare", "nsenter")
    machine.python("3.11.2")
    done = machine.setup(root=False)
    assert done.returncode == 0
    assert (
        "setup: the lab (make test, make demo) also needs: apt-get install mmdebstrap uidmap (as root)" in done.stdout
    )
    assert done.stdout.endswith("setup: .venv is ready\n")


def test_root_gets_what_is_missing_installed(machine: Machine) -> None:
    machine.has("unshare", "nsenter")
    machine.python("3.11.2")
    machine.stub("apt-get", f'echo "apt-get $*" >>"{machine.folder}/log"')
    done = machine.setup(root=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in machine.log if line.startswith("apt-get")] == [
        "apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 mmdebstrap uidmap"
    ]


def test_stale_package_lists_are_fetched_anew(machine: Machine) -> None:
    machine.has("unshare", "nsenter", "newuidmap")
    machine.python("3.11.2")
    fresh = machine.folder / "fresh"
    machine.stub("apt-get", f'echo "$1" >>"{machine.folder}/log"; [ "$1" = update ] && touch {fresh}; [ -e {fresh} ]')
    assert machine.setup(root=True).returncode == 0
    assert machine.log[:3] == ["install", "update", "install"]


def test_root_sees_why_a_package_could_not_be_installed(machine: Machine) -> None:
    machine.has("unshare", "nsenter", "newuidmap")
    machine.python("3.11.2")
    machine.stub("apt-get", "echo E: the disk is full; exit 100")
    failed = machine.setup(root=True)
    assert failed.returncode == 1
    assert failed.stderr == "E: the disk is full\nsetup: apt-get could not install mmdebstrap\n"


def test_no_python_after_all_ends_in_one_line(machine: Machine) -> None:
    machine.has(*LAB_TOOLS)
    machine.stub("apt-get", "")
    failed = machine.setup(root=True)
    assert failed.returncode == 1
    assert failed.stderr.splitlines() == [
        "setup: no Python 3.11 or newer with venv; install one, or name it: PYTHON=/path/to/python3 make setup"
    ]


def test_the_interpreter_that_runs_this_passes_for_one_that_can_make_environments() -> None:
    script = (ROOT / "setup/setup.sh").read_text()
    expression = script.split("can_make_venvs='")[1].split("'")[0]
    checked = subprocess.run(
        [sys.executable, "-c", f"import importlib.util; assert {expression}"], timeout=60, check=False
    )
    assert checked.returncode == 0

"""The script that puts an old corosync.conf back: what it makes of a cluster that is whole, cut, or never changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pvefleet.procedures import fallback

OLD, NEW, BACK = (f"totem {{\n  config_version: {n}\n  token: {t}\n}}\n" for n, t in ((3, 1), (4, 2), (5, 1)))

_TOOLS = {
    "corosync-quorumtool": 'echo "Quorate:          $(cat quorate)"',
    "corosync-cmapctl": 'case $1 in -g) echo "totem.config_version (u64) = $(cat running)" ;; *) '
    'for id in 1 2; do echo "runtime.members.$id.config_version (u64) = $(cat running)"; '
    'echo "runtime.members.$id.status (str) = joined"; done ;; esac',
    # A reload takes the file over, and heals the cut, unless this corosync is beyond that.
    "corosync-cfgtool": "case $1 in -s) cat links ;; -R) echo reload >>did; [ -e stubborn ] || ./heal ;; esac",
    "systemctl": 'echo "$*" >>did; case $* in "restart corosync") ./heal ;; esac',
    "stat": 'if [ "$(cat quorate)" = Yes ]; then echo lrwxr-xr-x; else echo lr-xr-xr-x; fi',
    "logger": 'echo "$*" >>said',
    "sleep": "exit 0",
    "sync": "exit 0",
}
_HEAL = """\
#!/bin/sh
sed -n "s/.*config_version: //p" own >running
echo Yes >quorate
printf "\\t1:\\tconnected\\n" >links
"""


class Machine:
    """One node, as far as the script sees it.

    Args:
        folder: a folder of its own.
        own, record: the two files.
        running: the version that corosync runs.
        quorate: has it quorum?
        linked: is its one link connected?
    """

    def __init__(self, folder: Path, *, own: str, record: str, running: int, quorate: bool, linked: bool) -> None:
        self.folder = folder
        for name, text in {
            "own": own,
            "record": record,
            "running": f"{running}\n",
            "quorate": "Yes\n" if quorate else "No\n",
            "links": "\t1:\tconnected\n" if linked else "\t1:\tdisconnected\n",
            "heal": _HEAL,
            "did": "",
            "said": "",
        }.items():
            (folder / name).write_text(text)
        (folder / "heal").chmod(0o755)
        shims = folder / "shims"
        shims.mkdir()
        for name, body in _TOOLS.items():
            (shims / name).write_text(f'#!/bin/sh\ncd "{folder}"\n{body}\n')
            (shims / name).chmod(0o755)
        self.staged = folder / "fallback"
        self.staged.mkdir()
        (folder / "units").mkdir()
        (self.staged / "plan").write_text("version 4\nids 1 2\nlinks 1\n")
        (self.staged / "revert").write_text(BACK)
        (self.staged / "deadline").write_text("1000000000\n")

    def fire(self) -> None:
        """Run the script."""
        text = fallback._FIRE
        for genuine, here in {
            "/var/lib/pvefleet/fallback": self.staged,
            "/etc/systemd/system": self.folder / "units",
            "/etc/corosync/corosync.conf": self.folder / "own",
            "/etc/pve/corosync.conf": self.folder / "record",
            "PATH=/usr/local/sbin": f"PATH={self.folder / 'shims'}:/usr/local/sbin",
        }.items():
            text = text.replace(genuine, str(here))
        subprocess.run(["/bin/sh", "-c", text], timeout=60, check=False)

    @property
    def files(self) -> tuple[str, str]:
        """What both files hold."""
        return (self.folder / "own").read_text(), (self.folder / "record").read_text()

    @property
    def did(self) -> list[str]:
        """What was asked of corosync and systemd, without its own cleaning up."""
        lines = (self.folder / "did").read_text().splitlines()
        return [line for line in lines if "pvefleet-fallback" not in line and line != "daemon-reload"]


def test_a_whole_cluster_on_the_new_version_is_left_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path, own=NEW, record=NEW, running=4, quorate=True, linked=True)
    machine.fire()
    assert machine.files == (NEW, NEW)
    assert machine.did == []
    assert not machine.staged.exists()


def test_a_change_that_was_never_made_is_left_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path, own=OLD, record=OLD, running=3, quorate=True, linked=True)
    machine.fire()
    assert machine.files == (OLD, OLD)
    assert not machine.staged.exists()


def test_a_cluster_that_was_cut_gets_the_old_content_and_a_reload_and_then_the_record(tmp_path: Path) -> None:
    machine = Machine(tmp_path, own=NEW, record=NEW, running=4, quorate=False, linked=False)
    machine.fire()
    assert machine.files == (BACK, BACK)
    assert machine.did == ["reload"]
    assert not machine.staged.exists()


def test_where_a_reload_does_not_help_corosync_is_restarted(tmp_path: Path) -> None:
    machine = Machine(tmp_path, own=NEW, record=NEW, running=4, quorate=False, linked=False)
    (tmp_path / "stubborn").touch()
    machine.fire()
    assert machine.files == (BACK, BACK)
    assert machine.did == ["reload", "reset-failed corosync", "restart corosync"]


def test_quorum_without_links_is_no_sign_of_health(tmp_path: Path) -> None:
    machine = Machine(tmp_path, own=NEW, record=NEW, running=4, quorate=True, linked=False)
    machine.fire()
    assert machine.files[1] == BACK


def test_a_newer_configuration_of_somebody_else_stays(tmp_path: Path) -> None:
    newer = NEW.replace("config_version: 4", "config_version: 9")
    machine = Machine(tmp_path, own=newer, record=newer, running=9, quorate=False, linked=False)
    machine.fire()
    assert machine.files == (newer, newer)


@pytest.mark.parametrize("text", [fallback._FIRE, fallback._STAGE, fallback._ARM, fallback._CANCEL])
def test_the_scripts_are_plain_posix(text: str) -> None:
    done = subprocess.run(["/bin/dash", "-n"], input=text, text=True, capture_output=True, timeout=10, check=False)
    assert done.stderr == ""

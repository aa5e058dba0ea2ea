"""Configuration files with snapshots, their tree, and the lists of tasks, without a lab."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lab.pve import guest_config, snapshots, tasks
from lab.pve.guests import LXC, QEMU
from tests.labpve.holding import Capture

CONF = Capture.read("qm/conf-file-with-snapshots").out
DEAD = "UPID:pve01:00000001:7FFFFFFF:6B0125{}:qmsnapshot:100:root@pam:"


def test_a_genuine_file_is_written_back_as_it_was() -> None:
    assert guest_config.parse(CONF).to_text().rstrip("\n") == CONF.rstrip("\n")


def test_the_tree_of_a_genuine_file_is_the_genuine_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    config = guest_config.parse(CONF)
    genuine = Capture.read("qm/listsnapshot-tree").out.splitlines()
    assert snapshots.tree(config) == [line.rstrip("\n") for line in genuine]


def test_without_snapshots_there_is_current_alone() -> None:
    assert snapshots.tree(guest_config.parse("cores: 1\n")) == [Capture.read("qm/listsnapshot-empty").out.rstrip("\n")]


@pytest.mark.parametrize(
    ("options", "shown"),
    [({}, "no-description"), ({"description": "\nsecond line"}, ""), ({"description": "one\ntwo"}, "one")],
)
def test_only_the_first_line_of_a_description_is_shown(options: dict[str, str], shown: str) -> None:
    config = guest_config.GuestConfig({}, {"ab": options | {"snaptime": "0"}})
    assert snapshots.tree(config)[0].endswith(f"00:00     {shown}")


def test_other_sections_are_kept() -> None:
    text = "cores: 1\n\n[PENDING]\ncores: 2\n\n[special:cloudinit]\nname: x\n\n[one]\ncores: 1\nsnaptime: 5\n"
    assert guest_config.parse(text).to_text() == text


@pytest.mark.parametrize(
    ("kind", "options", "found"),
    [
        (QEMU, {"scsi0": "zfs:vm-1-disk-0,size=8G"}, {"scsi0": "zfs:vm-1-disk-0"}),
        (QEMU, {"ide2": "local:iso/x.iso,media=cdrom"}, {}),
        (QEMU, {"ide2": "none,media=cdrom"}, {}),
        (QEMU, {"efidisk0": "zfs:vm-1-disk-1,size=1M"}, {"efidisk0": "zfs:vm-1-disk-1"}),
        (LXC, {"rootfs": "zfs:subvol-1-disk-0,size=4G"}, {"rootfs": "zfs:subvol-1-disk-0"}),
        (LXC, {"mp0": "/srv/data,mp=/data"}, {}),
    ],
)
def test_which_options_are_volumes(kind: guest_config.Kind, options: dict[str, str], found: dict[str, str]) -> None:
    assert guest_config.volumes(kind, options) == found


class TestTaskLists:
    def log(self, directory: Path, upid: str, text: str) -> None:
        file = tasks.log_file(upid, directory)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def test_a_running_task_is_active_only(self, tmp_path: Path) -> None:
        upid = tasks.name("qmstart", "100", os.getpid())
        assert re.fullmatch(r"UPID:[^:]+:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:qmstart:100:root@pam:", upid)
        tasks.collect(upid, tmp_path)
        assert (tmp_path / "active").read_text() == f"{upid} 0\n"
        assert not (tmp_path / "index").exists()

    @pytest.mark.parametrize(
        ("log", "status"),
        [
            ("TASK OK\n", "OK"),
            ("x\nTASK WARNINGS: 2\n", "WARNINGS: 2"),
            ("TASK ERROR: VM is locked (snapshot)\n", "VM is locked (snapshot)"),
            ("TASK ERROR: broken pipe \n", "broken pipe "),
            ("snapshotting 'drive-scsi0'\n", "unexpected status"),
            ("", "unexpected status"),
        ],
    )
    def test_an_ended_one_is_in_both_with_how_it_ended(self, tmp_path: Path, log: str, status: str) -> None:
        upid = DEAD.format("ED")
        self.log(tmp_path, upid, log)
        tasks.collect(upid, tmp_path)
        tasks.collect(directory=tmp_path)
        end = (tmp_path / "index").read_text().removeprefix(upid)
        assert re.fullmatch(rf" [0-9A-F]{{8}} {re.escape(status)}\n", end)
        assert (tmp_path / "active").read_text() == f"{upid} 1{end}"

    def test_active_keeps_the_last_ones_and_index_all(self, tmp_path: Path) -> None:
        for number in range(40):
            upid = DEAD.format(f"{number:02X}")
            self.log(tmp_path, upid, "TASK OK\n")
            tasks.collect(upid, tmp_path)
        tasks.collect(directory=tmp_path)
        assert len((tmp_path / "index").read_text().splitlines()) == 40
        assert len((tmp_path / "active").read_text().splitlines()) == tasks.KEPT

"""Replication's files, calendar and decisions, without a lab."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.pve.cfs import CommandError
from lab.pve.guest_config import GuestConfig
from lab.pve.guests import LXC, QEMU
from lab.pve.replication import calendar, config, state, volumes
from lab.pve.replication.config import Job
from lab.pve.storage import Storage, Volume
from lab.pve.zfs.store import Store
from pvefleet.rules import schedule_text
from tests.labpve.holding import Capture

NOW = 1_795_237_500


def test_a_genuine_file_is_written_back_as_it_was() -> None:
    text = Capture.read("pvesr/config-file").out
    assert config.text(config.parse(text)) == text


def test_comments_are_coded() -> None:
    job = Job("100-0", {"target": "pve02", "comment": "données: 5%"})
    text = config.text({"100-0": job})
    assert "comment donn%C3%A9es%3A 5%25\n" in text
    assert config.parse(text)["100-0"].options["comment"] == "données: 5%"


@pytest.mark.parametrize("text", ["99-0", "100", "100-", "x", "100-0-0", "0100-0"])
def test_what_is_no_job(text: str) -> None:
    with pytest.raises(ValueError, match="invalid replication job id"):
        config.job_id(text)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("*/15", [0, 15, 30, 45]),
        ("hourly", [0]),
        ("5/20", [5, 25, 45]),
        ("8", [8]),
        ("24:00", [24]),
        ("1,2,50..52", [1, 2, 50, 51, 52]),
    ],
)
def test_minutes_of_an_hour(text: str, minutes: list[int]) -> None:
    event, at, found = calendar.parse(f"{text} UTC"), NOW - NOW % 3600 - 1, []
    while (following := calendar.next_event(event, at)) is not None and following < NOW - NOW % 3600 + 3600:
        found.append(following % 3600 // 60)
        at = following
    assert found == minutes


@pytest.mark.parametrize("text", ["*/60", "60", "@hourly", "5..2", "8:", "mond", "mon-fri 8:00", "*/15 * * * *", ""])
def test_what_is_no_event(text: str) -> None:
    with pytest.raises(ValueError, match="unable to parse calendar event"):
        calendar.parse(text)


def test_what_never_comes() -> None:
    assert calendar.next_event(calendar.parse("*-02-30 UTC"), NOW) is None


_MINUTES = st.one_of(
    st.sampled_from(["*", "*/5", "*/15", "*/30", "0", "59", "10..20", "10..20/3", "5/20", "1,2,3"]),
    st.integers(0, 59).map(str),
)
_HOURS = st.one_of(st.sampled_from(["*", "*/6", "8..17", "22", "0,12"]), st.integers(0, 23).map(str))
_DAYS = st.sampled_from(["", "mon ", "mon..fri ", "sat,sun ", "fri..mon "])
_DATES = st.sampled_from(["", "*-1 ", "*-*-15 ", "2027-*-* ", "*-2-29 ", "12..12-24..26 "])


@given(_DAYS, _DATES, _HOURS, _MINUTES, st.integers(1_700_000_000, 1_900_000_000))
def test_two_readings_of_the_calendar_agree(days: str, dates: str, hours: str, minutes: str, last: int) -> None:
    """The lab's scheduler and the tool's rules were written apart: where they part, one of them is wrong."""
    text = f"{days}{dates}{hours}:{minutes} UTC"
    assert calendar.next_event(calendar.parse(text), last) == schedule_text.parse(text).next_after(last, UTC)


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (3, 15), (4, 30), (9, 30)])
def test_a_failed_job_is_tried_again_later_and_later(failures: int, minutes: int) -> None:
    job = Job("100-0", {"target": "pve02", "schedule": "*/15"})
    fields = {"fail_count": failures, "last_try": NOW}
    assert state.next_sync(job, fields, {"pve01", "pve02"}) == NOW + minutes * 60


def test_a_failed_job_waits_for_a_target_that_is_away() -> None:
    job = Job("100-0", {"target": "pve02"})
    assert state.next_sync(job, {"fail_count": 1, "last_try": NOW}, {"pve01"}) == 0
    assert state.next_sync(job, {"fail_count": 0, "last_try": 0}, {"pve01"}) > 0


def test_a_removal_is_always_due() -> None:
    job = Job("100-0", {"target": "pve02", "remove_job": "full", "disable": "1"})
    assert state.next_sync(job, {"fail_count": 4, "last_try": NOW}, set()) == 1


def test_the_state_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "lib/state.json"
    state.write({"100": {"local/pve02": {"last_sync": NOW}}}, file)
    assert file.read_text() == f'{{"100":{{"local/pve02":{{"last_sync":{NOW}}}}}}}'
    assert state.read(file)["100"]["local/pve02"]["last_sync"] == NOW


class TestBases:
    """What a stream starts from."""

    def chosen(self, mine: list[str], theirs: list[str] | None, *, last: int = 5, parent: str = "") -> dict[str, str]:
        local = {"zfs:vm-1-disk-0": {name: {"id": name, "timestamp": 1} for name in mine}}
        remote = {} if theirs is None else {"zfs:vm-1-disk-0": {name: {"id": name, "timestamp": 1} for name in theirs}}
        options = {"parent": parent} if parent else {}
        return volumes.bases(local, remote, "100-0", last, GuestConfig(options, {"s1": {}, "s2": {}}))

    def test_the_last_run_comes_first(self) -> None:
        own = "__replicate_100-0_5__"
        assert self.chosen(["s1", own, "s2"], ["s1", own, "s2"], parent="s2") == {"zfs:vm-1-disk-0": own}

    def test_then_the_parent_then_the_newest_that_both_have(self) -> None:
        other = "__replicate_100-1_9__"
        assert self.chosen(["s1", "s2", other], ["s1", "s2", other], parent="s1") == {"zfs:vm-1-disk-0": "s1"}
        assert self.chosen(["s1", other], ["s1", other]) == {"zfs:vm-1-disk-0": other}

    def test_a_volume_the_target_lacks_is_sent_whole(self) -> None:
        assert self.chosen(["s1"], None) == {}

    def test_nothing_in_common_is_refused(self) -> None:
        with pytest.raises(CommandError, match=r"No common base snapshot on volume\(s\) zfs:vm-1-disk-0\nPlease"):
            self.chosen(["s1"], ["foreign"])
        with pytest.raises(CommandError, match="No common base"):
            self.chosen(["autosnap_daily"], ["autosnap_daily"])


def test_stale_snapshots_go_only_where_the_last_good_one_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    volume = Volume(Storage("zfs", "zfspool", {"pool": "rpool/data"}), "vm-100-disk-0")
    store.create(volume.dataset, "volume", {})
    for name in ("__replicate_100-0_5__", "__replicate_100-0_7__", "__replicate_100-1_6__"):
        store.take_snapshot(volume.dataset, name)
    said: list[str] = []
    volumes.prepare([volume], "100-0", 3, store, said.append)
    assert said == []
    left = volumes.prepare([volume], "100-0", 5, store, said.append)
    assert list(left[volume.id]) == ["__replicate_100-0_5__", "__replicate_100-1_6__"]
    assert said == [f"delete stale replication snapshot '__replicate_100-0_7__' on {volume.id}"]
    assert list(volumes.prepare([volume], "100-0", 1, store, said.append)[volume.id]) == ["__replicate_100-1_6__"]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (QEMU, {"scsi0": "local:100/vm-100-disk-0.qcow2"}, "missing replicate feature on volume 'local:100/vm-100"),
        (LXC, {"rootfs": "zfs:subvol-100-disk-0", "mp0": "/srv,mp=/srv"}, "unable to replicate mountpoint type 'bind'"),
        (QEMU, {"unused0": "local:100/vm-100-disk-1.raw"}, "missing replicate feature"),
    ],
)
def test_one_volume_that_cannot_be_replicated_stops_the_job(
    tmp_path: Path, kind: volumes.Kind, options: dict[str, str], said: str
) -> None:
    (tmp_path / "storage.cfg").write_text("dir: local\n\tpath /x\n\nzfspool: zfs\n\tpool rpool/data\n")
    with pytest.raises(CommandError, match=said.replace("(", r"\(")):
        volumes.replicatable(kind, 100, GuestConfig(options), tmp_path / "storage.cfg")


def test_what_is_marked_or_foreign_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "storage.cfg").write_text("dir: local\n\tpath /x\n\nzfspool: zfs\n\tpool rpool/data\n")
    options = {
        "scsi0": "zfs:vm-100-disk-0,size=1G",
        "scsi1": "local:100/vm-100-disk-1.raw,replicate=0",
        "scsi2": "zfs:vm-200-disk-0",
        "ide2": "zfs:vm-100-cloudinit,media=cdrom",
    }
    found = volumes.replicatable(QEMU, 100, GuestConfig(options), tmp_path / "storage.cfg")
    assert [one.id for one in found] == ["zfs:vm-100-disk-0"]

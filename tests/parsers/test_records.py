"""What records can be asked, beyond the fields that the golden files show."""

from __future__ import annotations

import dataclasses

import pytest

from parsers import (
    corosync_cmapctl,
    corosync_quorumtool,
    guest_listsnapshot,
    journal_json,
    manager_status,
    pmxcfs_clusterlog,
    pmxcfs_vmlist,
    pveversion_v,
    storage_cfg,
    task_index,
    task_log,
    zfs_list,
)
from parsers.errors import ParseError
from tests.parsers.cases import understood

CMAP = next(case.text for case in understood("corosync_cmapctl") if "all-onelink" in str(case))


def test_the_map_of_corosync_is_asked_by_key() -> None:
    dump = corosync_cmapctl.read(CMAP)
    assert dump.get("totem.cluster_name") == "gxtest"
    assert dump.int("runtime.config.totem.token") == 3125
    assert (dump.get("no.such.key"), dump.int("no.such.key")) == (None, None)


def test_the_map_of_corosync_is_asked_by_prefix() -> None:
    versions = [entry.value for entry in corosync_cmapctl.read(CMAP).under("runtime.members.1.")]
    assert versions == ["3", "r(0) ip(10.77.0.11) ", "1", "joined"]


def test_a_word_of_the_map_is_not_a_number() -> None:
    with pytest.raises(ParseError, match=r"totem\.cluster_name is not a whole number"):
        corosync_cmapctl.read(CMAP).int("totem.cluster_name")


def test_two_readings_of_the_map_are_equal() -> None:
    assert corosync_cmapctl.read(CMAP) == corosync_cmapctl.read(CMAP)


def test_records_are_frozen() -> None:
    guests = pmxcfs_vmlist.read('{"version": 1}')
    with pytest.raises(dataclasses.FrozenInstanceError):
        guests.version = 2  # type: ignore[misc]


def test_guests_are_in_the_order_of_their_numbers() -> None:
    text = next(case.text for case in understood("pmxcfs_vmlist") if "qemu-and-lxc" in str(case))
    assert [guest.vmid for guest in pmxcfs_vmlist.read(text).guests] == [100, 101, 110, 111]


def test_a_table_of_members_alone_is_a_list() -> None:
    text = next(case.text for case in understood("corosync_quorumtool") if "l-noquorum" in str(case))
    listed = corosync_quorumtool.read_list(text)
    assert [(member.name, member.local) for member in listed.members] == [("pve1", True)]
    with pytest.raises(ParseError, match="no line 'Quorum'"):
        corosync_quorumtool.read(text)


def test_link_statistics_are_taken_from_the_statistics_map() -> None:
    stats = next(case.text for case in understood("corosync_cmapctl") if "stats-link1-cut" in str(case))
    links = corosync_cmapctl.knet_links(corosync_cmapctl.read(stats))
    assert [(link.nodeid, link.link, link.connected, link.down_count) for link in links] == [
        (1, 0, True, 0),
        (2, 0, True, 1),
        (2, 1, True, 1),
        (3, 0, True, 1),
        (3, 1, False, 2),
    ]
    assert all(0 < link.latency_ave <= link.latency_max < 1_000_000 for link in links[1:])


def test_another_map_has_no_link_statistics() -> None:
    assert corosync_cmapctl.knet_links(corosync_cmapctl.read(CMAP)) == ()


def test_a_link_without_one_of_its_statistics_is_refused() -> None:
    with pytest.raises(ParseError, match=r"no stats\.knet\.node2\.link0\.enabled"):
        corosync_cmapctl.knet_links(corosync_cmapctl.read("stats.knet.node2.link0.connected (u8) = 1\n"))


SNAPSHOTS = (
    "tank/vm-100-disk-0@__replicate_100-0_1795230000__\t1844674407370955161\t1795230001\t4711\t0\n"
    "tank/vm-100-disk-0@before\t12\t1795233600\t4712\t8192\n"
)


def test_snapshots_are_read_with_the_columns_that_were_asked_for() -> None:
    old, new = zfs_list.read(SNAPSHOTS, zfs_list.SNAPSHOTS)
    assert (old.dataset, old.snapshot) == ("tank/vm-100-disk-0", "__replicate_100-0_1795230000__")
    assert new.int("creation") == 1795233600
    assert new.get("mountpoint") is None


def test_a_property_stands_once_for_each_dataset_it_was_asked_of() -> None:
    text = "tank/a\twritten\t8192\t-\ntank/a\tvolsize\t-\t-\n"
    written, volsize = zfs_list.read(text, zfs_list.GET)
    assert (written.int("value"), volsize.int("value")) == (8192, None)


def test_a_snapshot_listed_with_other_columns_is_refused() -> None:
    with pytest.raises(ParseError, match="not 3 columns"):
        zfs_list.read(SNAPSHOTS, ("name", "guid", "creation"))


def test_a_column_that_is_no_number_is_not_given_as_one() -> None:
    entry = zfs_list.read("tank\t1\t2\t3\t/tank\n")[0]
    with pytest.raises(ParseError, match="mountpoint is not a whole number"):
        entry.int("mountpoint")


def test_a_task_succeeded_if_it_ended_well_with_or_without_warnings() -> None:
    text = next(case.text for case in understood("task_index") if "odd-ends" in str(case))
    assert [(task.status, task.succeeded) for task in task_index.read(text)] == [
        ("unexpected status", False),
        ("broken pipe", False),
        ("WARNINGS: 2", True),
    ]


def test_a_task_that_runs_has_not_succeeded() -> None:
    (task,) = task_index.read("UPID:pve01:00000310:000A2117:6B012177:clusterjoin::root@pam: 0\n")
    assert (task.status, task.succeeded) == (None, False)


def test_a_upid_names_the_file_of_its_log() -> None:
    upid = task_index.read_upid("UPID:pve5:00000310:000A2117:6B01217a:clusterjoin::root@pam:\n")
    assert upid.log_path == "/var/log/pve/tasks/A/UPID:pve5:00000310:000A2117:6B01217a:clusterjoin::root@pam:"


def test_what_is_no_upid_is_refused() -> None:
    with pytest.raises(ParseError, match="not a UPID"):
        task_index.read_upid("UPID:pve5:../../etc/passwd:")


def test_only_the_last_line_of_a_log_ends_it_well() -> None:
    log = task_log.read("guest says: TASK OK\nTASK OK\nstill talking\n")
    assert (log.ended, log.status) == (False, None)


def test_the_guest_stands_on_the_snapshot_above_the_current_state() -> None:
    text = next(case.text for case in understood("guest_listsnapshot") if "qm-tree" in str(case))
    tree = guest_listsnapshot.read(text)
    assert tree.current_parent == "third"
    assert {snapshot.name: snapshot.parent for snapshot in tree.snapshots}["branch2-b"] == "branch2"


def test_an_empty_manager_status_is_that_of_a_cluster_without_ha() -> None:
    assert manager_status.read("") == manager_status.read("{}")


def test_a_message_may_end_in_a_backslash() -> None:
    text = next(case.text for case in understood("pmxcfs_clusterlog") if "backslashes" in str(case))
    assert [entry.message[-2:] for entry in pmxcfs_clusterlog.read(text).entries] == ["mp", ":\\", " c"]


def test_a_package_that_is_not_installed_has_no_version() -> None:
    text = next(case.text for case in understood("pveversion_v") if "broken" in str(case))
    versions = pveversion_v.read(text)
    assert versions.get("pve-manager") == "8.4.1"
    assert (versions.get("libpve-storage-perl"), versions.get("no-such-package")) == (None, None)


def test_a_storage_is_asked_for_its_options() -> None:
    text = next(case.text for case in understood("storage_cfg") if "many" in str(case))
    pools = {storage.id: storage.get("pool") for storage in storage_cfg.read(text)}
    assert pools == {"local": None, "local-zfs": "rpool/data", "backup": None, "san": None}


def test_a_message_that_is_not_text_is_read_from_its_bytes() -> None:
    line = '{"__REALTIME_TIMESTAMP": "1", "MESSAGE": [99, 97, 102, 195, 169]}\n'
    assert journal_json.read(line)[0].message == "café"
    assert journal_json.read(line.replace("[99, 97, 102, 195, 169]", "null"))[0].message == journal_json.TOO_LONG

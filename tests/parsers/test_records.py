"""What records can be asked, beyond the fields that the golden files show."""

from __future__ import annotations

import dataclasses

import pytest

from parsers import corosync_cmapctl, corosync_quorumtool, pmxcfs_vmlist
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

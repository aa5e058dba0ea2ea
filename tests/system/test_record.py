"""``--record`` and ``--replay``: what an operator saw is what the files show, byte for byte, without any node."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.conftest import Operator

pytestmark = pytest.mark.lab

COMMANDS = (
    ("cluster.status",),
    ("cluster.nodes",),
    ("cluster.links",),
    ("cluster.check",),
    ("cluster.logs", "--since", "10m"),
    ("ha.status",),
    ("ha.rules",),
    ("ha.groups",),
    ("replication.status",),
    ("replication.list",),
    ("replication.log",),
    ("guest.list",),
    ("snapshot.list", "--guests", "@all"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_report_is_made_again_from_files_byte_for_byte(
    operator: Operator, command: tuple[str, ...], tmp_path: Path
) -> None:
    folder = str(tmp_path / "rec")

    seen = operator.fab(*command, "--json", "--record", folder)
    again = operator.fab(*command, "--json", "--replay", folder, PVEFLEET_HOSTS=str(tmp_path / "none.toml"))

    assert (again.exit, again.out, again.err) == (seen.exit, seen.out, seen.err)
    assert seen.document["kind"]


def test_the_tables_are_the_same_too(operator: Operator, tmp_path: Path) -> None:
    folder = str(tmp_path / "rec")

    seen = operator.fab("cluster.status", "--record", folder, COLUMNS="100")

    assert operator.fab("cluster.status", "--replay", folder, COLUMNS="100").out == seen.out


def test_nodes_are_named_when_it_is_recorded_and_not_later(operator: Operator, tmp_path: Path) -> None:
    folder = str(tmp_path / "rec")

    seen = operator.fab("-H", "pve01", "guest.list", "--json", "--record", folder)
    again = operator.fab("guest.list", "--json", "--replay", folder)
    refused = operator.fab("-H", "pve01", "guest.list", "--replay", folder)

    assert again.out == seen.out
    assert {guest["node"] for guest in again.document["guests"]} == {"pve01"}
    assert refused.exit == 2
    assert "leave -H out" in refused.err

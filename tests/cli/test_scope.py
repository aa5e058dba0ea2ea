"""Which cluster and which nodes a command line means; anything unclear is refused with exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvefleet.cli.scope import Targets, choose
from pvefleet.model.errors import ExitCode, UsageError
from pvefleet.model.inventory import ClusterEntry, Endpoint, Inventory, NodeEntry
from pvefleet.nodes.inventory import select


def cluster(name: str, *nodes: str, default: bool = False) -> ClusterEntry:
    entries = tuple(NodeEntry(node, node, name, Endpoint("192.0.2.1", 22)) for node in nodes)
    return ClusterEntry(name, default, entries)


def inventory(*clusters: ClusterEntry) -> Inventory:
    groups = tuple((one.name, tuple(node.name for node in one.nodes)) for one in clusters)
    return Inventory(Path("hosts.toml"), clusters, groups, (), Path("known_hosts"))


ONE = inventory(cluster("lab", "pve01", "pve02"))
TWO = inventory(cluster("prod", "p1", "p2", default=True), cluster("test", "t1"))
NEITHER = inventory(cluster("prod", "p1"), cluster("test", "t1"))


def chosen(inv: Inventory, hosts: str | None, targets: Targets = Targets.ANY) -> tuple[str, list[str]]:
    found, entries = choose(inv, hosts, targets, "cluster.join", select)
    return found.name, [entry.name for entry in entries]


def test_without_names_the_only_or_the_default_cluster_is_meant() -> None:
    assert chosen(ONE, None) == ("lab", ["pve01", "pve02"])
    assert chosen(TWO, None) == ("prod", ["p1", "p2"])


def test_names_decide_the_cluster_and_keep_their_order() -> None:
    assert chosen(TWO, "t1") == ("test", ["t1"])
    assert chosen(TWO, "p2, p1") == ("prod", ["p2", "p1"])
    assert chosen(TWO, "@prod") == ("prod", ["p1", "p2"])


@pytest.mark.parametrize(
    ("inv", "hosts", "targets", "says"),
    [
        (NEITHER, None, Targets.ANY, "none is marked default"),
        (TWO, "p1,t1", Targets.ANY, "2 clusters"),
        (TWO, "p1,p2", Targets.ONE, "exactly one node"),
        (TWO, None, Targets.ONE, "exactly one node"),
        (TWO, None, Targets.NAMED, "-H"),
        (TWO, "", Targets.ANY, "-H"),
        (TWO, "p3", Targets.ANY, "p3"),
    ],
)
def test_what_is_unclear_is_refused(inv: Inventory, hosts: str | None, targets: Targets, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(inv, hosts, targets)

    assert says in caught.value.message
    assert caught.value.exit_code is ExitCode.USAGE

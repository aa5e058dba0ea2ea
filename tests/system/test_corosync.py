"""The texts that are made for corosync, taken by the real one; and cluster.corosync's word for what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lab.client import Lab
from parsers import corosync_cfgtool_n, corosync_cmapctl, corosync_conf
from pvefleet.model.totem import Applies, ConfEdit
from pvefleet.rules.corosync_edit import with_version
from pvefleet.rules.link_edit import add_link, change_link, remove_link
from pvefleet.rules.timers import configured, running, timers
from pvefleet.rules.totem import plan_totem
from pvefleet.rules.totem_keys import KEYS, parse_settings
from tests.system.conftest import Operator

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

NODES = ("pve01", "pve02", "pve03")
REPLACE = "cat > /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf"


@dataclass(frozen=True)
class Corosync:
    """The corosync of a lab, with its configuration through /etc/pve."""

    lab: Lab

    def say(self, node: str, *argv: str) -> str:
        """What a command prints on *node*."""
        return self.lab.exec(node, argv)[1].decode()

    def conf(self) -> corosync_conf.CorosyncConf:
        """The configuration of record."""
        return corosync_conf.read(self.say("pve01", "cat", "/etc/pve/corosync.conf"))

    def cmap(self, node: str = "pve01") -> corosync_cmapctl.CmapDump:
        """What corosync says on *node*."""
        return corosync_cmapctl.read(self.say(node, "corosync-cmapctl"))

    def versions(self) -> set[int | None]:
        """The versions that the nodes run."""
        return {self.cmap(node).int("totem.config_version") for node in NODES}

    def links(self) -> set[int]:
        """The numbers of the links that connect every node with every other."""
        seen: list[set[int]] = []
        for node in NODES:
            peers = corosync_cfgtool_n.read(self.say(node, "corosync-cfgtool", "-n")).peers
            seen += [{link.number for link in peer.links if link.connected} for peer in peers]
        return set.intersection(*seen) if len(seen) == len(NODES) * (len(NODES) - 1) else set()

    def write(self, text: str) -> None:
        """Put *text* into /etc/pve the safe way."""
        code, _, said = self.lab.exec("pve01", ["sh", "-c", REPLACE], stdin=text.encode())
        assert code == 0, said

    def apply(self, text: str) -> None:
        """Write *text* and wait until every node runs its version, within the time that the timers give it."""
        wanted = corosync_conf.read(text).config_version
        limit = timers(configured(self.conf())).reload
        self.write(text)
        assert eventually(lambda: self.versions() == {wanted}, limit), self.versions()


def eventually(holds: Callable[[], bool], seconds: float) -> bool:
    """Does it hold, now or within so many seconds?"""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def content(conf: corosync_conf.CorosyncConf) -> str:
    """The text of a configuration but for its version."""
    return corosync_conf.serialise(with_version(conf, 0))


@pytest.fixture
def corosync(lab: Lab, operator: Operator) -> Iterator[Corosync]:
    """The lab's corosync; its configuration is put back afterwards, link by link if need be."""
    there = Corosync(lab)
    before = there.conf()
    yield there
    now = there.conf()
    # What runs last is only ever the old content or the one without a link of it: no address changes in place.
    there.apply(corosync_conf.serialise(with_version(before, now.config_version + 1)))
    # Link timers follow one reload late.
    there.apply(corosync_conf.serialise(with_version(before, now.config_version + 2)))


def addresses(network: int) -> dict[str, str]:
    return {name: f"10.{network}.0.{n}" for n, name in enumerate(NODES, 1)}


def test_running_timers_are_the_computed_ones(corosync: Corosync) -> None:
    works = running(corosync.cmap())
    assert works == configured(corosync.conf())


def test_a_planned_token_runs_and_its_revert_takes_it_back(corosync: Corosync, operator: Operator) -> None:
    before = corosync.conf()
    plan = plan_totem(before, parse_settings(["token=2000", "token_coefficient=125", "link_mode=active"]), 3, False)
    assert plan.edit is not None

    corosync.apply(plan.edit.text)

    works = running(corosync.cmap("pve02"))
    assert works is not None
    assert plan.after is not None
    assert (works.token, works.consensus, works.hold, works.token_retransmit) == (
        plan.after.token,
        plan.after.consensus,
        plan.after.hold,
        plan.after.token_retransmit,
    )
    ran = operator.fab("cluster.corosync", "--json")
    assert (ran.exit, ran.findings) == (0, [("TOT-I-0009", "lab")]), "knet's timers follow with the next reload"

    corosync.apply(plan.edit.revert)

    assert content(corosync.conf()) == content(before)
    works = running(corosync.cmap("pve02"))
    assert works is not None
    assert works.token == configured(before).token


OTHERS = {
    "token": "1500",
    "token_warning": "80",
    "token_retransmit": "300",
    "token_retransmits_before_loss_const": "5",
    "hold": "200",
    "join": "60",
    "send_join": "10",
    "consensus": "2500",
    "merge": "250",
    "downcheck": "1100",
    "fail_recv_const": "3000",
    "seqno_unchanged_const": "40",
    "miss_count_const": "6",
    "max_network_delay": "60",
    "window_size": "60",
    "max_messages": "20",
    "knet_pmtud_interval": "60",
}
"""Another value for each live setting whose running value has the same form."""


def test_every_live_setting_runs_after_one_reload(corosync: Corosync) -> None:
    shaped_otherwise = {"token_coefficient", "block_unlisted_ips", "heartbeat_failures_allowed"}
    assert set(OTHERS) == {name for name, key in KEYS.items() if key.applies is Applies.LIVE} - shaped_otherwise
    link = {"interface.1.knet_ping_timeout": "900", "interface.1.knet_ping_interval": "300"}
    wanted = parse_settings([f"{key}={value}" for key, value in {**OTHERS, **link, "block_unlisted_ips": "no"}.items()])
    plan = plan_totem(corosync.conf(), wanted, 3, False)
    assert plan.edit is not None

    corosync.apply(plan.edit.text)

    now = corosync.cmap("pve03")
    runs = {**OTHERS, **link, "block_unlisted_ips": "0"}
    assert {key: now.get(f"runtime.config.totem.{key}") for key in runs} == runs
    other = {
        key: now.get(f"runtime.config.totem.interface.0.{key}") for key in ("knet_ping_timeout", "knet_ping_interval")
    }
    assert other == {"knet_ping_timeout": "500", "knet_ping_interval": "250"}, (
        "what is not written follows one reload late"
    )


def test_what_waits_for_a_restart_is_found(corosync: Corosync, operator: Operator) -> None:
    plan = plan_totem(corosync.conf(), parse_settings(["ip_version=ipv4"]), 3, False)
    assert plan.edit is not None

    corosync.apply(plan.edit.text)

    ran = operator.fab("cluster.corosync", "--json")
    assert (ran.exit, ran.findings) == (4, [("DRF-W-0002", "lab")])
    assert [(row["key"], row["waits"]) for row in ran.document["drift"]] == [("totem.ip_version", "restart")]


def applied(corosync: Corosync, edits: tuple[ConfEdit, ...], after: tuple[set[int], ...]) -> None:
    """Apply one edit after the other; each ends with its links connected, and the cluster never loses quorum."""
    limit = timers(configured(corosync.conf())).link_return
    for one, links in zip(edits, after, strict=True):
        corosync.apply(one.text)
        assert eventually(lambda links=links: corosync.links() == links, limit), (one.what, corosync.links())  # type: ignore[misc]
        assert corosync.lab.exec("pve03", ["corosync-quorumtool", "-s"])[0] == 0


def give(corosync: Corosync, network: int, device: str) -> None:
    for name, address in addresses(network).items():
        corosync.lab.exec(name, ["ip", "address", "add", f"{address}/24", "dev", device])


def test_a_link_is_added_and_removed_live(corosync: Corosync) -> None:
    give(corosync, 79, "eth0")
    start = corosync.conf()

    added = add_link(start, 2, addresses(79), priority=5)
    applied(corosync, added, ({0, 1, 2},))
    applied(corosync, remove_link(corosync.conf(), 2), ({0, 1},))
    assert running(corosync.cmap()) == configured(corosync.conf()), "nothing of it is left"

    assert content(corosync.conf()) == content(start)


def test_addresses_change_by_the_path_of_whole_configurations(corosync: Corosync) -> None:
    give(corosync, 80, "eth1")
    start = corosync.conf()

    applied(corosync, change_link(start, 1, addresses(80)), ({0}, {0, 1}))
    back = change_link(corosync.conf(), 1, addresses(78))
    applied(corosync, back, ({0}, {0, 1}))

    assert content(corosync.conf()) == content(start)


def test_each_edit_on_the_way_can_be_taken_back(corosync: Corosync) -> None:
    give(corosync, 81, "eth1")
    start = corosync.conf()
    first, second = change_link(start, 1, addresses(81))

    corosync.apply(first.text)
    corosync.apply(first.revert)
    assert content(corosync.conf()) == content(start)

    first, second = change_link(corosync.conf(), 1, addresses(81))
    corosync.apply(first.text)
    corosync.apply(second.text)
    corosync.apply(second.revert)
    assert content(corosync.conf()) == content(corosync_conf.read(first.text))


def test_an_address_changed_in_place_is_refused_by_corosync_and_named(corosync: Corosync, operator: Operator) -> None:
    """The trap that the path of whole configurations goes around."""
    before = corosync.conf()
    text = corosync_conf.serialise(with_version(before, before.config_version + 1)).replace(
        "10.78.0.1\n", "10.78.0.9\n"
    )
    corosync.write(text)

    def refused() -> bool:
        return corosync.cmap().int("config.reload_status") not in (None, 1)

    assert eventually(refused, 10)
    ran = operator.fab("cluster.corosync", "--json")
    assert {("DRF-W-0005", "lab"), ("DRF-W-0004", "lab")} <= set(ran.findings)
    assert ran.exit == 4
    assert corosync.versions() == {before.config_version}


def test_the_report_is_whole_without_quorum(operator: Operator, lab: Lab) -> None:
    lab.partition(["pve01"], ["pve02"], ["pve03"])
    operator.until(("QUO-E-0001", "lab"), ("QUO-E-0002", "lab"), seconds=30)

    ran = operator.fab("cluster.corosync", "--json")

    assert ran.exit == 5
    assert [row["running_version"] for row in ran.document["copies"]] == [ran.document["config_version"]] * 3
    assert all(row["same"] for row in ran.document["copies"])
    assert ran.document["drift"] == []


def test_a_healthy_cluster_is_shown_whole(operator: Operator) -> None:
    ran = operator.fab("cluster.corosync", "--json")
    assert (ran.exit, ran.findings) == (0, [])
    shown = operator.fab("cluster.corosync", COLUMNS="80")
    assert "…" not in shown.out
    assert shown.out.endswith("Nothing wrong was found.\n")

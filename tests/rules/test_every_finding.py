"""Every finding that a report can have: a cluster that has not got it, the one thing that goes wrong, the finding.

What only changes raise (refusals of procedures, of edits of corosync.conf, of evidence) has tables of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from pvefleet.model.catalogue import CATALOGUE
from pvefleet.model.errors import UnreachableReason
from pvefleet.model.finding import Finding, Severity
from pvefleet.model.section import Section
from pvefleet.rules.check import check_report
from pvefleet.rules.guest_list import guest_list
from pvefleet.rules.ha import ha_report
from pvefleet.rules.replication import replication_report
from pvefleet.rules.selector import parse
from pvefleet.rules.snapshots import snapshot_list
from pvefleet.rules.status import status_report
from tests.support.device import Device
from tests.support.guest_world import Copy, GuestWorld
from tests.support.ha_world import HaWorld
from tests.support.replication_world import DAY, HOUR, MINUTE, ReplicationWorld
from tests.support.world import NOW, World, WorldNode

AREAS = frozenset(
    "NOD QUO QDV COR LNK CFG CLU PMX CLK VER NAM SVC CRT PRE HAV REP GST SNP ARC OUT".split()  # noqa: SIM905 - a table
)
"""Areas whose findings reports have."""

OF_CHANGES: frozenset[str] = frozenset()
"""Codes of these areas that only a change raises."""

Spoil = Callable[[Any], object]


class CoverWorld(ReplicationWorld, HaWorld):
    """Guests, jobs and HA in one cluster."""


def of_status(world: World) -> Sequence[Finding]:
    return status_report(world.facts()).findings


def of_check(world: World) -> Sequence[Finding]:
    return check_report(world.facts(Section.GUESTS, Section.HEALTH)).findings


def of_ha(world: HaWorld) -> Sequence[Finding]:
    return ha_report(world.ha_facts()).findings


def of_replication(world: ReplicationWorld) -> Sequence[Finding]:
    sections = (Section.HA,) if isinstance(world, HaWorld) else ()
    return replication_report(world.replication(*sections), rpo_seconds=3 * DAY).findings


def of_guests(world: GuestWorld) -> Sequence[Finding]:
    return guest_list(world.listing(), parse("@all")).findings


def of_what_runs(world: GuestWorld) -> Sequence[Finding]:
    return guest_list(world.listing(), parse("@all,-@stopped")).findings


def of_snapshots(world: GuestWorld) -> Sequence[Finding]:
    return snapshot_list(world.listing(states=False), parse("@all")).findings


@dataclass(frozen=True)
class Case:
    """One finding.

    Attributes:
        code: which.
        report: who tells it.
        build: a cluster without it.
        spoil: what goes wrong there.
    """

    code: str
    report: Callable[[Any], Sequence[Finding]]
    build: Callable[[], World]
    spoil: Spoil


# -- clusters that are well -------------------------------------------------------------------------------------------


def three() -> World:
    return World(3)


def two_and_a_device() -> World:
    world = World(2)
    world.device = Device()
    return world


def four_and_a_device() -> World:
    world = World(4)
    world.device = Device()
    return world


def under_ha() -> HaWorld:
    world = HaWorld(3)
    world.add("vm:100", "pve01")
    world.add("ct:101", "pve02")
    return world


def replicated() -> ReplicationWorld:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    return world


def covered() -> CoverWorld:
    world = CoverWorld(3)
    world.job("100-0", "pve02")
    return world


def guests() -> GuestWorld:
    world = GuestWorld(3)
    world.vm(100, "pve01", "memory: 64\n", status="running")
    world.ct(101, "pve03", "memory: 64\n", status="running")
    return world


# -- what goes wrong --------------------------------------------------------------------------------------------------


def unreached(reason: UnreachableReason) -> Spoil:
    return lambda world: setattr(world["pve02"], "unreachable", reason)


def is_(field: str, value: object) -> Spoil:
    return lambda world: setattr(world["pve02"], field, value)


def says(source: str, text: str, exit_: int = 0, err: str = "") -> Spoil:
    return lambda world: world["pve02"].overrides.update({source: (exit_, text, err)})


def device(**states: Any) -> Spoil:
    return lambda world: setattr(world, "device", Device(**states))


def no_device(world: World) -> None:
    world.device = None


def all_dead(world: World) -> None:
    for name in world.nodes:
        world.kill(name)


def both_others_dead(world: World) -> None:
    world.kill("pve02")
    world.kill("pve03")


def lowered(world: World) -> None:
    world.kill("pve03")
    world.expected = 2


def another_ring(world: World) -> None:
    code, text, said = world.answer("pve02", "quorum")
    older = str(text).replace("Ring ID:          1.d", "Ring ID:          1.9")
    world["pve02"].overrides["quorum"] = (code, older, said)


def another_cluster(world: World) -> None:
    other = World(3, name="other")
    for source in ("conf-local", "conf-cluster"):
        world["pve02"].overrides[source] = other.answer("pve02", source)  # type: ignore[assignment]


def a_smaller_nodelist(world: World) -> None:
    smaller = World(2)
    for node in world.nodes.values():
        for source in ("conf-local", "conf-cluster"):
            node.overrides[source] = smaller.answer("pve01", source)  # type: ignore[assignment]


def one_more_node(world: World) -> None:
    world.nodes["pve33"] = WorldNode("pve33", 33)
    world.listed.append("pve33")


def slow_timers(world: World) -> None:
    text = str(world.answer("pve01", "cmap")[1])
    slow = "runtime.config.totem.token (u32) = 20000\nruntime.config.totem.consensus (u32) = 24000\n"
    world["pve01"].overrides["cmap"] = (0, text + slow, "")


def knet(latency: int, mtu: int) -> Spoil:
    rows = (("connected", "u8", 1), ("down_count", "u32", 1), ("enabled", "u8", 1), ("latency_ave", "u32", latency))
    every = (*rows, ("latency_max", "u32", 2 * latency), ("mtu", "u32", mtu))
    return says("knet", "".join(f"stats.knet.node1.link0.{key} ({kind}) = {value}\n" for key, kind, value in every))


def certificate(path: str, until: str) -> Spoil:
    return says("certificates", f"file=/etc/pve/{path}\nsubject=CN\nnotAfter={until}\n")


def agent(name: str, **values: str) -> Spoil:
    return lambda world: world.ha.agents[name].update(values)


def add(sid: str, where: str, **options: object) -> Spoil:
    return lambda world: world.add(sid, where, **options)


def silent(name: str, seconds: float) -> Spoil:
    return lambda world: world.ha.agent_ages.update({name: seconds})


def rule(guests_: str, nodes: str, **options: object) -> Spoil:
    return lambda world: world.node_affinity("rule", guests_, nodes, **options)


def fencing(seconds: float) -> Spoil:
    def die(world: HaWorld) -> None:
        world.ha.manager["service_status"]["ct:101"] |= {"state": "fence"}
        world.die("pve02", seconds=seconds, state="fence")

    return die


def a_long_migration(world: HaWorld) -> None:
    world.add("vm:200", "pve01", state="migrate", service={"target": "pve02"})
    upid = f"UPID:pve01:00000D2C:0003C0F2:{int(NOW) - HOUR:08X}:qmigrate:200:root@pam: 0\n"
    world["pve01"].overrides["ha-tasks"] = (0, upid, "")


def no_node_left(world: HaWorld) -> None:
    world.node_affinity("rule", "vm:100", "pve03", strict=True)
    world.add("vm:300", "pve03")
    world.maintenance("pve03", drained=False)


def groups_and_rules(world: HaWorld) -> None:
    world.group("g", "pve01")
    world.node_affinity("rule", "ct:101", "pve02")


def an_old_node(world: HaWorld) -> None:
    world["pve03"].version = "8.4.1"
    world.node_affinity("rule", "vm:100", "pve01")


def orders(world: HaWorld) -> None:
    world.ha.commands, world.ha.commands_age = "migrate vm:100 pve02\n", 40


def another_copy(world: HaWorld) -> None:
    world.copy("pve03").resources += "vm: 999\n\tstate started\n"


def job(id: str, target: str, **options: Any) -> Spoil:
    return lambda world: world.job(id, target, **options)


def removal(age: float) -> Spoil:
    def remove(world: ReplicationWorld) -> None:
        world.job("101-0", "pve02", remove_job="full")
        world.cfg_age = age

    return remove


def a_node_stands_still(world: ReplicationWorld) -> None:
    for vmid in range(110, 114):
        world.job(f"{vmid}-0", "pve03", on="pve02", synced=2 * HOUR)


def jobs_to_a_dead_node(world: ReplicationWorld) -> None:
    world.job("101-0", "pve03", synced=HOUR, tried=50 * MINUTE, fails=1, error="ssh failed")
    world.kill("pve03")


def jobs_of_a_dead_node(world: ReplicationWorld) -> None:
    world.job("101-0", "pve02", on="pve03")
    world.kill("pve03")


def jobs_of_an_unlisted_node(world: ReplicationWorld) -> None:
    world.job("101-0", "pve02", on="pve03")
    world.listed.remove("pve03")


def volumes(text: str) -> Spoil:
    return lambda world: world.vm(100, "pve01", "scsi0: local-zfs:vm-100-disk-0\n" + text)


def no_pmxcfs(world: World) -> None:
    for node in world.nodes.values():
        node.pmxcfs = "stopped"


def split(world: GuestWorld) -> Copy:
    """Cut pve03 off with a copy of its own, which is returned."""
    world["pve03"].part = 1
    return world.own.setdefault("pve03", Copy(dict(world.shared.confs)))


def disputed(world: GuestWorld) -> None:
    split(world)
    world.shared.confs[("pve01", "lxc", 101)] = world.shared.confs.pop(("pve03", "lxc", 101))


def twice(world: GuestWorld) -> None:
    disputed(world)
    world["pve01"].containers[101] = "running"


def ghost(world: GuestWorld) -> None:
    world["pve02"].ghosts.add(100)
    world["pve01"].vms[100] = "stopped"


def behind(world: GuestWorld) -> None:
    split(world)
    world.shared.confs[("pve03", "lxc", 101)] = "hostname: ct101\nmemory: 128\n"


def moving(world: GuestWorld) -> None:
    moved = Copy(dict(world.shared.confs))
    moved.confs[("pve02", "qemu", 100)] = moved.confs.pop(("pve01", "qemu", 100))
    world.own["pve02"] = moved


def listed_without_a_file(world: GuestWorld) -> None:
    for node in world.nodes.values():
        listing = '{"version": 2, "ids": {"105": {"node": "pve02", "type": "lxc", "version": 1}}}'
        node.overrides["vmlist"] = (0, listing, "")


def nobody_could_read(world: GuestWorld) -> None:
    world["pve01"].unreachable = world["pve02"].unreachable = UnreachableReason.TIMEOUT
    world["pve03"].overrides["guest-configs-all"] = (124, "", "")


def of_a_removed_node(world: GuestWorld) -> None:
    world.shared.confs[("pve09", "qemu", 109)] = "name: old\n"


def guest(text: str, node: str = "pve01", *, unread: bool = False) -> Spoil:
    def make(world: GuestWorld) -> None:
        (world.ct if "vzdump" in text else world.vm)(110, node, text)
        if unread:
            world[node].unreachable = UnreachableReason.TIMEOUT

    return make


def snapshot(name: str, more: str = "", at: float = NOW - HOUR) -> str:
    return f"\n[{name}]\ncores: 1\n{more}snaptime: {int(at)}\n"


CASES = (
    Case("NOD-E-0001", of_status, three, lambda world: world.kill("pve02")),
    Case("NOD-W-0002", of_status, three, unreached(UnreachableReason.TIMEOUT)),
    Case("NOD-E-0003", of_status, three, unreached(UnreachableReason.HOST_KEY_CHANGED)),
    Case("NOD-W-0004", of_status, three, unreached(UnreachableReason.HOST_KEY_UNKNOWN)),
    Case("NOD-W-0005", of_status, three, unreached(UnreachableReason.AUTH_REJECTED)),
    Case("NOD-W-0006", of_status, three, unreached(UnreachableReason.AUTH_TIMEOUT)),
    Case("NOD-W-0007", of_status, three, unreached(UnreachableReason.KEY_FILE)),
    Case("NOD-W-0008", of_status, three, unreached(UnreachableReason.GATEWAY)),
    Case("NOD-W-0009", of_status, three, is_("breaks_off", True)),
    Case("NOD-W-0010", of_status, three, all_dead),
    Case("NOD-E-0011", of_status, three, is_("hostname", "pve07")),
    Case("QUO-E-0001", of_status, three, both_others_dead),
    Case("QUO-E-0002", of_status, three, is_("part", 1)),
    Case("QUO-W-0003", of_status, three, lowered),
    Case("QUO-W-0004", of_status, three, another_ring),
    Case("QDV-W-0001", of_status, two_and_a_device, device(states={"pve02": "Connecting"})),
    Case("QDV-W-0002", of_status, two_and_a_device, device(states={"pve02": "stopped"})),
    Case("QDV-W-0003", of_status, two_and_a_device, device(voteless={"pve02"})),
    Case("COR-E-0001", of_status, three, is_("corosync", "stopped")),
    Case("COR-E-0002", of_status, three, is_("corosync", "frozen")),
    Case("LNK-W-0001", of_status, three, lambda world: world.cut.add(("pve02", 1))),
    Case("LNK-W-0002", of_check, three, says("corosync-log", "[KNET  ] link: host: 1 link: 0 is down\n")),
    Case("LNK-W-0003", of_check, three, knet(9000, 1397)),
    Case("LNK-W-0004", of_check, three, knet(300, 469)),
    Case("LNK-W-0005", of_check, three, says("corosync-log", "[TOTEM ] Retransmit List: 1f 20\n")),
    Case("CFG-E-0001", of_status, three, is_("config_version", 2)),
    Case("CFG-W-0002", of_status, three, is_("config_version", 2)),
    Case("CFG-W-0003", of_status, three, is_("record_version", 4)),
    Case("CFG-E-0004", of_status, three, another_cluster),
    Case("CFG-W-0005", of_status, three, lambda world: world.listed.remove("pve03")),
    Case("CFG-W-0006", of_status, three, a_smaller_nodelist),
    Case("CFG-E-0007", of_check, three, says("conf-test", "", 8, "parser error: Missing closing brace")),
    Case("CFG-E-0008", of_check, three, says("authkey", "b" * 64 + "  /etc/corosync/authkey\n")),
    Case("CLU-W-0001", of_status, three, is_("corosync", "absent")),
    Case("PMX-E-0001", of_status, three, is_("pmxcfs", "stopped")),
    Case("PMX-E-0002", of_status, three, is_("pmxcfs", "hung")),
    Case("PMX-W-0003", of_status, three, is_("pmxcfs", "read-only")),
    Case("PMX-W-0004", of_status, three, lambda world: world.apart.add("pve02")),
    Case("CLK-W-0001", of_status, three, is_("clock", 4.0)),
    Case("CLK-W-0002", of_check, three, says("ntp", "no\n")),
    Case("VER-W-0001", of_status, three, is_("version", "9.1.2")),
    Case("VER-W-0002", of_check, three, says("corosync-version", "Corosync Cluster Engine, version '3.1.7'\n")),
    Case("NAM-W-0001", of_check, three, says("names", "pve02 127.0.1.1 10.77.0.2\n")),
    Case("NAM-W-0002", of_check, three, says("names", "pve02 10.77.0.2\npve01 192.0.2.9\n")),
    Case("SVC-W-0001", of_check, three, says("units", "active\n" * 6 + "inactive\n")),
    Case("CRT-W-0001", of_check, three, certificate("local/pve-ssl.pem", "Dec  5 00:00:00 2026 GMT")),
    Case("CRT-E-0002", of_check, three, certificate("local/pve-ssl.pem", "Nov 20 00:00:00 2026 GMT")),
    Case("CRT-W-0003", of_check, three, says("certificates", "missing=/etc/pve/local/pve-ssl.pem\n")),
    Case("CRT-W-0004", of_check, three, certificate("pve-root-ca.pem", "Jan  5 00:00:00 2027 GMT")),
    Case("PRE-I-0001", of_check, three, says("key-files", ".ssh/authorized_keys .ssh/authorized_keys2\n")),
    Case("ARC-W-0001", of_check, two_and_a_device, no_device),
    Case("ARC-W-0002", of_check, four_and_a_device, no_device),
    Case("ARC-W-0003", of_check, three, lambda world: setattr(world, "links", 1)),
    Case("ARC-W-0004", of_check, three, device()),
    Case("ARC-I-0005", of_check, lambda: World(32), one_more_node),
    Case("ARC-W-0006", of_check, three, slow_timers),
    Case("OUT-E-0001", of_status, three, says("quorum", "Quorum-Informationen\n")),
    Case("OUT-W-0002", of_status, three, says("pveversion", "", 1, "boom")),
    Case("HAV-E-0001", of_ha, under_ha, lambda world: setattr(world.ha, "manager_age", 45)),
    Case("HAV-E-0002", of_ha, under_ha, silent("pve02", 45)),
    Case("HAV-E-0003", of_ha, under_ha, add("vm:200", "pve01", state="error")),
    Case("HAV-E-0004", of_ha, under_ha, add("vm:200", "pve01", state="recovery")),
    Case("HAV-E-0005", of_ha, under_ha, fencing(300)),
    Case("HAV-E-0006", of_ha, under_ha, is_("part", 1)),
    Case("HAV-E-0007", of_ha, under_ha, agent("pve02", state="lost_agent_lock")),
    Case("HAV-W-0008", of_ha, under_ha, lambda w: w.ha.manager.update(disarm={"state": "disarmed", "mode": "freeze"})),
    Case("HAV-W-0009", of_ha, under_ha, lambda world: world.maintenance("pve03")),
    Case("HAV-W-0010", of_ha, under_ha, agent("pve02", mode="restart")),
    Case("HAV-W-0011", of_ha, under_ha, add("vm:200", "pve01", state="freeze")),
    Case("HAV-W-0012", of_ha, under_ha, fencing(70)),
    Case("HAV-W-0013", of_ha, under_ha, a_long_migration),
    Case("HAV-W-0014", of_ha, under_ha, add("vm:200", "pve01", exists=False)),
    Case("HAV-W-0015", of_ha, under_ha, add("vm:200", "pve01", on="pve03")),
    Case("HAV-W-0016", of_ha, under_ha, rule("vm:100", "pve03", strict=True)),
    Case("HAV-W-0017", of_ha, under_ha, rule("vm:100", "pve01,pve09")),
    Case("HAV-W-0018", of_ha, under_ha, rule("vm:100,vm:555", "pve01")),
    Case("HAV-W-0019", of_ha, under_ha, lambda world: world.resource_affinity("rule", "positive", "vm:100")),
    Case("HAV-W-0020", of_ha, under_ha, no_node_left),
    Case("HAV-W-0021", of_ha, under_ha, groups_and_rules),
    Case("HAV-W-0022", of_ha, under_ha, lambda world: world.group("g", "pve01")),
    Case("HAV-W-0023", of_ha, under_ha, an_old_node),
    Case("HAV-W-0024", of_ha, under_ha, add("vm:200", "pve01", group="gone")),
    Case("HAV-W-0025", of_ha, under_ha, orders),
    Case("HAV-W-0026", of_ha, under_ha, silent("pve02", -10)),
    Case("HAV-W-0027", of_ha, under_ha, says("ha-units", "inactive\nactive\nactive\n", 3)),
    Case("HAV-W-0028", of_ha, under_ha, lambda world: world.armed.discard("pve02")),
    Case("HAV-W-0029", of_ha, under_ha, another_copy),
    Case("HAV-W-0030", of_ha, under_ha, silent("pve03", 45)),
    Case("HAV-I-0031", of_ha, under_ha, add("vm:200", "pve01", state=None, wanted="ignored")),
    Case("HAV-I-0032", of_ha, under_ha, lambda world: setattr(world.ha, "fence", True)),
    Case("REP-E-0001", of_replication, replicated, job("101-0", "pve02", tried=60, fails=3, error="disk full")),
    Case("REP-W-0002", of_replication, replicated, job("101-0", "pve02", tried=60, fails=1, error="disk full")),
    Case("REP-W-0003", of_replication, replicated, job("101-0", "pve02", synced=HOUR)),
    Case("REP-W-0004", of_replication, replicated, job("101-0", "pve02", synced=None)),
    Case("REP-W-0005", of_replication, replicated, job("101-0", "pve02", disable=True)),
    Case("REP-W-0006", of_replication, replicated, removal(20 * MINUTE)),
    Case("REP-E-0007", of_replication, replicated, job("101-0", "pve09")),
    Case("REP-W-0008", of_replication, replicated, job("101-0", "pve02", exists=False)),
    Case("REP-W-0009", of_replication, replicated, job("101-0", "pve02", on="pve02", source="pve01", synced=None)),
    Case("REP-W-0010", of_replication, replicated, job("101-0", "pve02", source=None)),
    Case("REP-W-0011", of_replication, replicated, lambda world: world.cfgs.update(pve03="")),
    Case("REP-W-0012", of_replication, replicated, job("101-0", "pve02", schedule="sat 22:00", synced=4 * DAY)),
    Case("REP-W-0013", of_replication, replicated, a_node_stands_still),
    Case("REP-I-0014", of_replication, replicated, jobs_to_a_dead_node),
    Case("REP-I-0015", of_replication, replicated, jobs_of_a_dead_node),
    Case("REP-I-0016", of_replication, replicated, job("101-0", "pve02", schedule="mon..fri 22")),
    Case("REP-I-0017", of_replication, replicated, removal(2 * MINUTE)),
    Case("REP-W-0018", of_replication, replicated, volumes("scsi1: local-zfs:vm-100-disk-1,replicate=0\n")),
    Case("REP-I-0019", of_replication, replicated, lambda w: w.vm(105, "pve02", "scsi0: local-zfs:vm-105-disk-0\n")),
    Case("REP-W-0020", of_replication, covered, add("vm:100", "pve01")),
    Case("REP-W-0021", of_replication, replicated, job("101-0", "pve02", synced=-HOUR)),
    Case("REP-W-0022", of_replication, replicated, no_pmxcfs),
    Case("REP-W-0023", of_replication, replicated, jobs_of_an_unlisted_node),
    Case("REP-E-0024", of_replication, replicated, volumes("scsi1: local-lvm:vm-100-disk-0\n")),
    Case("GST-E-0001", of_guests, guests, disputed),
    Case("GST-E-0002", of_guests, guests, twice),
    Case("GST-E-0012", of_guests, guests, ghost),
    Case("GST-W-0003", of_guests, guests, guest("this is no option\n")),
    Case("GST-W-0004", of_guests, guests, guest("lock: backup\n")),
    Case("GST-I-0005", of_guests, guests, guest("lock: backup\n", "pve02", unread=True)),
    Case("GST-W-0006", of_guests, guests, listed_without_a_file),
    Case("GST-W-0007", of_guests, guests, nobody_could_read),
    Case("GST-W-0008", of_guests, guests, behind),
    Case("GST-I-0009", of_guests, guests, moving),
    Case("GST-W-0010", of_guests, guests, of_a_removed_node),
    Case("GST-I-0011", of_what_runs, guests, lambda world: world.kill("pve03")),
    Case("SNP-W-0001", of_snapshots, guests, guest(snapshot("s1", "snapstate: delete\n"))),
    Case("SNP-I-0002", of_snapshots, guests, guest(snapshot("s1", "snapstate: delete\n"), "pve02", unread=True)),
    Case("SNP-W-0003", of_snapshots, guests, guest("parent: lost\n")),
    Case("SNP-W-0004", of_snapshots, guests, guest(snapshot("vzdump"))),
    Case("SNP-I-0005", of_snapshots, guests, guest(snapshot("s1", at=NOW + 30 * DAY))),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_a_finding_is_there_with_its_cause_and_not_without(case: Case) -> None:
    world = case.build()
    before = case.report(world)
    case.spoil(world)
    after = [one for one in case.report(world) if one.code == case.code]

    assert case.code not in {one.code for one in before}
    assert after
    for one in after:
        assert one.subject
        assert one.message
        assert one.fix or one.severity is Severity.INFO
        assert "{" not in one.fix


def test_every_finding_of_a_report_has_its_case() -> None:
    reported = {entry.code for entry in CATALOGUE if entry.code.partition("-")[0] in AREAS}
    cases = [case.code for case in CASES]

    assert sorted(reported - set(cases) - OF_CHANGES) == []
    assert sorted(set(cases) - reported) == []
    assert len(cases) == len(set(cases))

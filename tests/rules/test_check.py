"""cluster.check: each finding is there where its cause is, and only there; waivers, codes, the monitoring line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pvefleet.model.check import CheckReport, NagiosCode, Waiver
from pvefleet.model.errors import ExitCode, UsageError
from pvefleet.model.section import Section
from pvefleet.rules.check import check_report
from pvefleet.rules.nagios import nagios_report, nagios_unknown
from tests.support.world import World

SECTIONS = (Section.GUESTS, Section.HEALTH)


def check(world: World, **options: object) -> CheckReport:
    return check_report(world.facts(*SECTIONS), **options)  # type: ignore[arg-type]


def codes(world: World) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in check(world).findings]


def says(source: str, text: str, *, exit: int = 0, err: str = "") -> Callable[[World], None]:
    def break_it(world: World) -> None:
        world["pve02"].overrides[source] = (exit, text, err)

    return break_it


def test_a_healthy_cluster_has_no_finding_at_all() -> None:
    report = check(World(3))

    assert report.findings == ()
    assert report.exit_code is ExitCode.OK


KNET = "stats.knet.node1.link0.{} ({}) = {}\n"


def knet(latency: int, mtu: int) -> str:
    rows = (("connected", "u8", 1), ("down_count", "u32", 1), ("enabled", "u8", 1), ("latency_ave", "u32", latency))
    return "".join(KNET.format(*row) for row in (*rows, ("latency_max", "u32", latency * 2), ("mtu", "u32", mtu)))


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (says("conf-test", "", exit=8, err="parser error: Missing closing brace"), ("CFG-E-0007", "pve02")),
        (says("corosync-version", "Corosync Cluster Engine, version '3.1.7'\n"), ("VER-W-0002", "lab")),
        (says("authkey", "b" * 64 + "  /etc/corosync/authkey\n"), ("CFG-E-0008", "lab")),
        (says("names", "pve02 127.0.1.1 10.77.0.2\n"), ("NAM-W-0001", "pve02")),
        (says("names", "pve02\n"), ("NAM-W-0001", "pve02")),
        (says("names", "pve02 10.77.0.2\npve01 192.0.2.9\n"), ("NAM-W-0002", "pve01")),
        (says("units", "active\n" * 4 + "inactive\n" + "active\n" * 2), ("SVC-W-0001", "pve02")),
        (says("corosync-log", "[KNET  ] link: host: 1 link: 0 is down\n" * 3), ("LNK-W-0002", "pve02-pve01/link0")),
        (says("corosync-log", "[TOTEM ] Retransmit List: 1f 20\n"), ("LNK-W-0005", "pve02")),
        (says("knet", knet(9000, 1397)), ("LNK-W-0003", "pve02-pve01/link0")),
        (says("knet", knet(300, 469)), ("LNK-W-0004", "pve02-pve01/link0")),
        (says("key-files", ".ssh/authorized_keys .ssh/authorized_keys2\n"), ("PRE-I-0001", "pve02")),
        (says("ntp", "no\n"), ("CLK-W-0002", "pve02")),
        (says("ntp", "", exit=1, err="Failed to connect"), ("OUT-W-0002", "pve02")),
        (says("ntp", "oui\n"), ("OUT-E-0001", "pve02")),
        (
            says("certificates", "file=/etc/pve/local/pve-ssl.pem\nsubject=CN\nnotAfter=Dec  5 00:00:00 2026 GMT\n"),
            ("CRT-W-0001", "pve02"),
        ),
        (
            says("certificates", "file=/etc/pve/local/pve-ssl.pem\nsubject=CN\nnotAfter=Jan  1 00:00:00 2020 GMT\n"),
            ("CRT-E-0002", "pve02"),
        ),
        (says("certificates", "missing=/etc/pve/pve-root-ca.pem\n"), ("CRT-W-0003", "pve02")),
        (says("certificates", "missing=/etc/pve/local/pve-ssl.pem\nfile=/etc/pve/x\n"), ("OUT-E-0001", "pve02")),
        (
            says("certificates", "file=/etc/pve/pve-root-ca.pem\nsubject=CN\nnotAfter=Jan 10 00:00:00 2027 GMT\n"),
            ("CRT-W-0004", "lab"),
        ),
    ],
)
def test_each_cause_is_one_finding(break_it: Callable[[World], None], expected: tuple[str, str]) -> None:
    world = World(3)
    break_it(world)

    assert codes(world) == [expected]


def test_how_the_cluster_is_built() -> None:
    assert codes(World(2)) == [("ARC-W-0001", "lab")]
    assert codes(World(4)) == [("ARC-W-0002", "lab")]
    assert codes(World(3, links=1)) == [("ARC-W-0003", "lab")]
    assert codes(World(5)) == []
    assert codes(World(33)) == [("ARC-I-0005", "lab")]


def test_timers_that_leave_ha_no_time() -> None:
    world = World(3)
    text = world.answer("pve01", "cmap")[1]
    slow = "runtime.config.totem.token (u32) = 20000\nruntime.config.totem.consensus (u32) = 24000\n"
    world["pve01"].overrides["cmap"] = (0, text + slow, "")

    assert codes(world) == [("ARC-W-0006", "lab")]


def test_only_some_codes() -> None:
    world = World(2)
    world.cut.add(("pve02", 1))

    assert {one.code for one in check(world, only=["LNK"]).findings} == {"LNK-W-0001"}
    assert {one.code for one in check(world, only=["ARC-W-0001"]).findings} == {"ARC-W-0001"}
    with pytest.raises(UsageError):
        check(world, only=["NOPE"])


def waiver(code: str = "ARC-W-0001", subject: str = "", expires: str = "2027-01-01") -> Waiver:
    return Waiver(code, subject, "ops", "a test bed", expires)


def test_a_waived_finding_does_not_count_but_is_shown() -> None:
    report = check(World(2), waivers=[waiver()])

    assert report.findings == ()
    assert report.exit_code is ExitCode.OK
    assert [one.finding.code for one in report.waived] == ["ARC-W-0001"]


def test_a_waiver_for_another_subject_or_past_its_day_covers_nothing_and_is_named() -> None:
    for idle in (waiver(subject="other"), waiver(expires="2026-11-20")):
        report = check(World(2), waivers=[idle])
        assert [one.code for one in report.findings] == ["ARC-W-0001"]
        assert report.idle_waivers == (idle,)


def test_a_waiver_holds_on_its_last_day() -> None:
    assert check(World(2), waivers=[waiver(expires="2026-11-21")]).findings == ()


def test_the_monitoring_line() -> None:
    assert nagios_report(check(World(3))).exit_code is NagiosCode.OK
    warning = nagios_report(check(World(2)))
    assert warning.exit_code is NagiosCode.WARNING
    assert warning.line.startswith("PVEFLEET WARNING - the cluster has two nodes")
    assert warning.line.endswith("| critical=0 warning=1 nodes_read=2")
    world = World(3)
    world.kill("pve02")
    assert nagios_report(check(world)).exit_code is NagiosCode.CRITICAL
    for name in world.nodes:
        world.kill(name)
    assert nagios_report(check(world)).exit_code is NagiosCode.UNKNOWN
    assert nagios_unknown(UsageError("a | b")).line == "PVEFLEET UNKNOWN - a / b"


def test_health_that_was_not_asked_for_is_not_judged() -> None:
    report = check_report(World(3).facts(Section.GUESTS))

    assert report.findings == ()

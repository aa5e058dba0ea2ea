"""The small languages PID 1 and the emulated commands understand."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from lab.pve import (
    devlog,
    instants,
    journal,
    journalctl,
    ping,
    process,
    pvecm,
    pveversion,
    systemd_run,
    unitfiles,
    volumes,
)
from lab.pve.journal import Record
from lab.pve.pmxcfs import corosync_conf
from lab.spec import RELEASES
from tests.labpve.holding import Capture

NOW = 1_795_232_539.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("40", 40),
        ("1min 30s", 90),
        ("500ms", 0.5),
        ("2h", 7200),
        ("1d2h", 93600),
        ("1.5s", 1.5),
        ("infinity", float("inf")),
    ],
)
def test_time_spans(text: str, seconds: float) -> None:
    assert unitfiles.timespan(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "5 apples", "-3", "s5"])
def test_what_is_no_time_span(text: str) -> None:
    with pytest.raises(ValueError, match="Failed to parse time span"):
        unitfiles.timespan(text)


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("@1795232000", 1795232000),
        ("@1795232000.25", 1795232000.25),
        ("now", NOW),
        ("-20s", NOW - 20),
        ("2min ago", NOW - 120),
        ("2026-11-21 03:42:19 UTC", 1795232539),
        ("2026-11-21T03:42:19Z", 1795232539),
        ("03:42 UTC", 1795232520),
    ],
)
def test_instants(text: str, epoch: float) -> None:
    assert instants.parse_instant(text, NOW) == pytest.approx(epoch)


def test_what_is_no_instant() -> None:
    with pytest.raises(ValueError, match="Failed to parse timestamp: whenever"):
        instants.parse_instant("whenever", NOW)


def test_a_journalctl_command_line() -> None:
    query = journalctl.query(
        ["-u", "corosync", "-upve-cluster", "--since=-5s", "-n5", "-o", "cat", "--no-pager", "-q"], NOW
    )
    assert query.units == ["corosync.service", "pve-cluster.service"]
    assert (query.since, query.lines, query.output, query.flags) == (NOW - 5, 5, "cat", {"quiet"})


@pytest.mark.parametrize(
    ("argv", "lines"),
    [(["-n"], 10), (["-n", "3"], 3), (["-n", "all"], None), (["-f"], 10), (["-fu", "ssh"], 10), ([], None)],
)
def test_how_many_lines(argv: list[str], lines: int | None) -> None:
    assert journalctl.query(argv, NOW).lines == lines


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("cat", "text"),
        ("short-iso", "2026-11-21T03:42:19+00:00 HOST unit[7]: text"),
        ("short-precise", "Nov 21 03:42:19.500000 HOST unit[7]: text"),
        ("short-unix", "1795232539.500000 HOST unit[7]: text"),
        ("short", "Nov 21 03:42:19 HOST unit[7]: text"),
    ],
)
def test_how_a_record_is_shown(form: str, line: str) -> None:
    record = Record(NOW, 6, "unit", 7, "text", "unit")
    shown = journalctl.short(record, form, utc=True)
    assert re.sub(r" \S+ unit", " HOST unit", shown) == line


def test_log_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    line = "1795232539.500000 <3> sshd[12]: Failed: for root: x"
    (tmp_path / "ssh.log").write_text(f"{line}\ncut of")
    assert journal.read(("ssh",), tmp_path) == [Record(NOW, 3, "sshd", 12, "Failed: for root: x", "ssh")]


@pytest.mark.parametrize(
    ("datagram", "parts"),
    [
        ("<30>Nov 21 03:42:19 corosync[41]:   [MAIN  ] text", (6, "corosync", 41, "  [MAIN  ] text")),
        ("<13>Nov  1 03:42:19 mytag: a: b", (5, "mytag", None, "a: b")),
        ("<3>no tag here", (3, None, None, "no tag here")),
        ("plain", (5, None, None, "plain")),
        ("<30>two\nlines: x", (6, None, None, "two\nlines: x")),
    ],
)
def test_syslog_datagrams(datagram: str, parts: tuple[int, str | None, int | None, str]) -> None:
    assert devlog.split(datagram) == parts


def unit_dirs(tmp_path: Path, files: dict[str, str]) -> tuple[Path, ...]:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "etc", tmp_path / "lib"


def test_unit_files_are_merged_with_their_drop_ins(tmp_path: Path) -> None:
    dirs = unit_dirs(
        tmp_path,
        {
            "lib/a.service": "[Unit]\nDescription=A\n# no\n[Service]\nExecStart=/bin/x \\\n  y\n"
            "ExecReload=/bin/1\nExecReload=/bin/2\n",
            "etc/a.service.d/more.conf": "[Unit]\nConditionPathExists=/x\n[Service]\nExecStart=\nExecStart=/bin/z\n",
        },
    )
    unit = unitfiles.read("a.service", dirs)
    assert unit is not None
    assert unit.get("Unit", "Description") == "A"
    assert unit.all("Service", "ExecStart") == ["/bin/z"]
    assert unit.all("Service", "ExecReload") == ["/bin/1", "/bin/2"]
    assert unit.all("Unit", "ConditionPathExists") == ["/x"]


def test_enablement_is_a_link(tmp_path: Path) -> None:
    dirs = unit_dirs(
        tmp_path,
        {
            "lib/a.service": "[Install]\nWantedBy=multi-user.target\nAlias=b.service\n",
            "lib/static.service": "[Unit]\n",
            "etc/keep": "",
        },
    )
    assert unitfiles.enablement("a.service", dirs) == "disabled"
    unit = unitfiles.read("a.service", dirs)
    assert unit is not None
    for link in unitfiles.links(unit, dirs[0]):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tmp_path / "lib/a.service")
    (dirs[0] / "masked.service").symlink_to("/dev/null")
    states = {name: unitfiles.enablement(f"{name}.service", dirs) for name in ("a", "b", "static", "masked", "none")}
    assert states == {"a": "enabled", "b": "alias", "static": "static", "masked": "masked", "none": ""}
    assert unitfiles.enabled_at_boot(dirs[0]) == ["a.service"]


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        ("/bin/x $OPTS end", ["/bin/x", "-a", "-b", "end"]),
        ("/bin/x ${OPTS}", ["/bin/x", "-a -b"]),
        ("/bin/x $NONE", ["/bin/x"]),
        ("/bin/sh -c 'echo $$HOME 100%%'", ["/bin/sh", "-c", "echo $HOME 100%"]),
    ],
)
def test_exec_lines(line: str, argv: list[str]) -> None:
    assert process.command_line(line, {"OPTS": "-a -b"}) == (argv, False)


def test_an_exec_line_may_be_allowed_to_fail() -> None:
    assert process.command_line("-/bin/x", {}) == (["/bin/x"], True)


def test_a_systemd_run_command_line() -> None:
    argv = [
        "--on-active=40",
        "-u",
        "rollback",
        "-pRuntimeMaxSec=9",
        "--collect",
        "-q",
        "--",
        "sh",
        "-c",
        "echo $HOME 5%",
    ]
    asked = systemd_run.request(*systemd_run.split(argv))
    assert asked["collect"] is True
    assert asked["timer"] == {
        "name": "rollback.timer",
        "settings": [("Timer", "OnActiveSec", ["40"]), ("Unit", "Description", ["sh -c echo $HOME 5%"])],
    }
    service = asked["service"]
    assert isinstance(service, dict)
    assert service["name"] == "rollback.service"
    assert ("Service", "RuntimeMaxSec", ["9"]) in service["settings"]
    assert process.command_line(service["settings"][0][2][0], {})[0] == ["sh", "-c", "echo $HOME 5%"]


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(systemd_run.UsageError, match="unrecognized option '--frob'"):
        systemd_run.split(["--frob", "true"])


class TestCorosyncConf:
    @pytest.mark.parametrize(
        ("local", "shared", "becomes", "said"),
        [
            (None, "config_version: 3", "config_version: 3", "wrote new corosync config"),
            ("config_version: 3", "config_version: 3", "config_version: 3", ""),
            (
                "config_version: 3",
                "config_version: 3 # other",
                "config_version: 3 # other",
                "wrote new corosync config",
            ),
            ("config_version: 3", "config_version:12", "config_version:12", "(version = 12)"),
            ("config_version: 4", "config_version: 3", "config_version: 4", "local corosync.conf is newer"),
            ("config_version: 4", "nothing", "config_version: 4", "unable to parse cluster config_version"),
            ("config_version: 4", "config_version: 0", "config_version: 4", "unable to parse cluster config_version"),
            ("nonsense", "config_version: 1", "config_version: 1", "wrote new corosync config"),
        ],
    )
    def test_what_is_carried_over(
        self, tmp_path: Path, local: str | None, shared: str, becomes: str, said: str
    ) -> None:
        path = tmp_path / "corosync.conf"
        if local is not None:
            path.write_text(local)
        lines: list[str] = []
        corosync_conf.carry_over(shared.encode(), lambda _level, line: lines.append(line), path)
        assert path.read_text() == becomes
        assert said in "".join(lines)
        assert bool(lines) == bool(said)


class TestCommands:
    def test_cluster_information(self) -> None:
        interface = "  interface {\n    linknumber: 0\n  }\n"
        conf = f"totem {{\n  cluster_name: gxtest\n  config_version: 3\n{interface}  secauth: on\n}}\n"
        assert Capture.read("pvecm/status-noquorum").out.startswith(pvecm.information(conf))

    def test_no_totem_no_information(self) -> None:
        assert pvecm.information("totem{\n}\nnonsense") == ""

    @pytest.mark.parametrize(("case", "verbose"), [("pve/pveversion", False), ("pve/pveversion-v", True)])
    def test_versions(self, case: str, verbose: bool) -> None:
        assert pveversion.text("9.2", "6.18.44-fc-v657", verbose=verbose) == Capture.read(case).out

    @pytest.mark.parametrize("release", RELEASES)
    def test_every_release_of_the_lab_has_its_version(self, release: str) -> None:
        assert pveversion.text(release, "6.8", verbose=False).startswith(f"pve-manager/{release}.")

    def test_ping_times(self) -> None:
        line = "64 bytes from 10.77.0.2: icmp_seq=1 ttl=64 time=0.032 ms\n"
        assert ping.rewrite(line, 12.5) == "64 bytes from 10.77.0.2: icmp_seq=1 ttl=64 time=12.500 ms\n"
        summary = "rtt min/avg/max/mdev = 0.032/0.040/0.050/0.001 ms\n"
        assert ping.rewrite(summary, 12.5) == "rtt min/avg/max/mdev = 12.500/12.500/12.500/0.000 ms\n"

    @pytest.mark.parametrize(
        ("wish", "container", "volume"),
        [
            ("zfs:8", False, "zfs:vm-100-disk-0,size=8G"),
            ("zfs:4", True, "zfs:subvol-100-disk-0,size=4G"),
            ("local:1", False, "local:100/vm-100-disk-0.raw,size=1G"),
            ("local:1,format=qcow2,ssd=1", False, "local:100/vm-100-disk-0.qcow2,ssd=1,size=1G"),
            ("local:0", True, "local:100/subvol-100-disk-0.subvol,size=0T"),
            ("local:iso/x.iso,media=cdrom", False, "local:iso/x.iso,media=cdrom"),
            ("zfs:vm-100-disk-7,size=8G", False, "zfs:vm-100-disk-7,size=8G"),
        ],
    )
    def test_names_of_volumes(self, tmp_path: Path, wish: str, container: bool, volume: str) -> None:
        (tmp_path / "storage.cfg").write_text("dir: local\n\tpath /var/lib/vz\n\nzfspool: zfs\n\tpool rpool\n")
        shown = volumes.allocate(wish, 100, 0, container=container, storage_cfg=tmp_path / "storage.cfg")
        assert shown == volume


def test_local_time_is_the_zone_of_the_node() -> None:
    parsed = instants.parse_instant("2026-11-21 03:42:19", NOW)
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(parsed)) == "2026-11-21 03:42:19"

"""What an operator reads of cluster.corosync: whole at 80 and 200 columns, and fit for a program with --json."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import pytest

from pvefleet.rules.corosync_report import corosync_report
from pvefleet.views.present import present
from tests.support.corosync_world import CorosyncWorld, cmap_text, conf_text

SCHEMA = Path(__file__).resolve().parents[2] / "docs/schemas/cluster.corosync.json"


def text(world: CorosyncWorld, width: int) -> str:
    out = io.StringIO()
    present(corosync_report(world.corosync_facts()), as_json=False, out=out, width=width)
    return out.getvalue()


def drifted() -> CorosyncWorld:
    """A new token everywhere, an ip_version that waits for a restart, and a dead node."""
    world = CorosyncWorld(3, links=1)
    written = conf_text(links=1, version=4, totem="token: 5000").replace("ipv4-6", "ipv4")
    world.write(written)
    for name in world.nodes:
        world.running[name] = cmap_text(written.replace("ip_version: ipv4", "ip_version: ipv4-6"))
    world.kill("pve03")
    return world


def test_the_report_at_80_columns() -> None:
    assert text(drifted(), 80) == (
        """\
Cluster         lab
Config version  4 on every node read
Read            2 of 3 nodes, 2026-11-21T03:21:04Z

SETTING               VALUE
totem.cluster_name    lab
totem.config_version  4
totem.ip_version      ipv4
totem.link_mode       passive
totem.secauth         on
totem.token           5000
totem.version         2
quorum.provider       corosync_votequorum
logging.debug         off
logging.to_syslog     yes

NODE   ID  VOTES  LINK 0
pve01   1      1  10.77.0.1
pve02   2      1  10.77.0.2
pve03   3      1  10.77.0.3

COPIES  /etc/pve  /etc/corosync  SAME  RUNS  LAST RELOAD  NOTE
pve01          4              4  yes      4  ok
pve02          4              4  yes      4  ok
pve03          ?              ?  ?        ?  ?            pve03: no answer

DIFFERS           FILE  RUNS    WAITS FOR  ON
totem.ip_version  ipv4  ipv4-6  a restart  all nodes read

TIMER                                   RUNS  BY FILE  FROM
token                                5650 ms  5650 ms  5000 + 1 x 650
consensus                            6780 ms  6780 ms  1.2 x token
join                                   50 ms    50 ms  default
token_retransmit                     1345 ms  1345 ms  token / 4.2
token_retransmits_before_loss_const     4        4     default
hold                                 1066 ms  1066 ms  0.8 x 1345 - 10
interface.0.knet_ping_timeout        2825 ms  2825 ms  token / 2
interface.0.knet_ping_interval       1412 ms  1412 ms  token / 4
interface.0.knet_pong_count             2        2     default

WHAT TO WAIT FOR  AT MOST
a node is lost     12.9 s  until the others go on without it
a link is lost      6.2 s  until it shows as down
a link returns      9.1 s  until it shows as connected
a reload           10.7 s  until every member runs the new version
a bad reload       15.4 s  until a cluster that it has cut shows itself
a restart          32.4 s  until it is a member with a writable /etc/pve

1 critical finding, 1 warning
CRITICAL  pve03 is down: no answer, and no peer sees it  [NOD-E-0001]
          pve03: no answer
          tried 192.0.2.1:22
          no member for pve01, pve02
          fix: Look at the machine itself: console, BMC, power. Start nothing of
          its guests elsewhere before it is proven off.
WARNING   corosync on pve01, pve02 has values that wait for a restart
[DRF-W-0002]
          totem.ip_version: file ipv4, runs ipv4-6
          fix: fab cluster.restart-corosync, one node at a time.
"""
    )


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    world = drifted()
    world.write(conf_text(links=1, version=5).replace("10.77.0.1", "10.77.0.199"), "pve02")
    assert max(len(line) for line in text(world, width).splitlines()) <= width


def test_at_200_columns_nothing_is_cut() -> None:
    shown = text(drifted(), 200)
    assert "…" not in shown
    assert "/etc/pve" in shown


def test_a_healthy_cluster_says_so() -> None:
    shown = text(CorosyncWorld(3), 80)
    assert "DIFFERS" not in shown
    assert "…" not in shown
    assert shown.endswith("Nothing wrong was found.\n")


def test_a_node_in_no_cluster() -> None:
    world = CorosyncWorld(1)
    world["pve01"].corosync = "absent"
    assert "in no cluster" in text(world, 80)


@pytest.mark.parametrize("dead", [(), ("pve02",), ("pve01", "pve02", "pve03")])
def test_the_document_fits_its_schema(dead: tuple[str, ...]) -> None:
    world = drifted()
    for name in dead:
        world.kill(name)
    out = io.StringIO()
    present(corosync_report(world.corosync_facts()), as_json=True, out=out)

    document = json.loads(out.getvalue())
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(document)
    assert document["kind"] == "CorosyncReport"

"""What an operator reads: true at every width, without colour in a pipe, nothing unseen shown as well."""

from __future__ import annotations

import io
import json

import pytest

from pvefleet.rules.status import links_report, nodes_report, status_report
from pvefleet.views.present import present
from tests.support.device import Device
from tests.support.world import World


def text(report: object, monkeypatch: pytest.MonkeyPatch, width: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    out = io.StringIO()
    present(report, as_json=False, out=out)
    return out.getvalue()


def faulty() -> World:
    world = World(3)
    world["pve01"].vms = {100: "running", 101: "stopped"}
    world["pve02"].containers = {110: "running"}
    world.kill("pve02")
    world.cut.add(("pve03", 1))
    return world


def test_the_status_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert text(status_report(faulty().facts()), monkeypatch) == (
        """\
Cluster         lab
Quorum          yes (2 of 3 votes, 2 needed)
Expected votes  3, highest expected 3
Config version  3 on every node read
Read            2 of 3 nodes, 2026-11-21T03:21:04Z

NODE   ID  STATE    VOTES  QUORUM  ADDRESSES  VERSION  UP     VMS     CTS
pve01   1  online       1  yes     10.77.0.1  9.2.11   1d 0h  1/2 up  -
                                   10.78.0.1
pve02   2  offline      1  ?       10.77.0.2  ?        ?      -       ?/1 up
                                   10.78.0.2
pve03   3  online       1  yes     10.77.0.3  9.2.11   1d 0h  -       -
                                   10.78.0.3

LINKS  pve01  pve02  pve03
pve01  -      x x    0 x
pve02  ? ?    -      ? ?
pve03  0 x    x x    -
row sees column: 0 1 = that link is connected, x = down, ? = not seen

1 critical finding, 1 warning
CRITICAL  pve02 is down: no answer, and no peer sees it  [NOD-E-0001]
          pve02: no answer
          tried 192.0.2.1:22
          no member for pve01, pve03
          its guests: 110 (lxc)
          fix: Look at the machine itself: console, BMC, power. Start nothing of
          its guests elsewhere before it is proven off.
WARNING   link 1 between pve01 and pve03 is down  [LNK-W-0001]
          pve01 sees it down to pve03
          pve03 sees it down to pve01
          fix: Check cable, switch port, address and firewall (UDP 5405 + link
          number) of pve01-pve03/link1.
"""
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("build", [status_report, nodes_report, links_report])
def test_no_line_is_wider_than_the_terminal(build: object, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = text(build(faulty().facts()), monkeypatch, width).splitlines()  # type: ignore[operator]

    assert max(len(line) for line in lines) <= width
    assert not [line for line in lines if line != line.rstrip()]


def test_a_matrix_that_does_not_fit_names_only_what_is_not_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(32)
    world.cut.add(("pve03", 1))

    printed = text(status_report(world.facts()), monkeypatch)

    assert "1922 of 1984 link directions connected" in printed
    assert "link 1 pve01 -> pve03 down" in printed
    assert "link 0 pve01 -> pve03" not in printed


def test_one_nodes_view_never_says_that_the_cluster_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = text(status_report(World(3).facts(here="pve01")), monkeypatch)

    assert "Nothing wrong in the view of pve01; the other nodes were not seen." in printed
    assert "pve02: not seen from here; a member for pve01" in printed
    assert printed.count("online") == 1


def test_json_is_one_document_with_every_key_and_null_for_the_unknown() -> None:
    out = io.StringIO()
    present(status_report(faulty().facts()), as_json=True, out=out)

    document = json.loads(out.getvalue())
    assert (document["kind"], document["version"], document["exit_code"]) == ("StatusReport", 1, 5)
    dead = next(node for node in document["nodes"] if node["name"] == "pve02")
    assert (dead["state"], dead["version"], dead["quorate"]) == ("offline", None, None)
    assert dead["addresses"][0] == {"link": 0, "address": "10.77.0.2"}
    assert document["findings"][0]["code"] == "NOD-E-0001"


def test_the_device_and_what_stands_have_lines_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(2)
    world.device = Device(states={"pve02": "Connecting"})
    world.expected = 2

    printed = text(status_report(world.facts()), monkeypatch, 100)

    assert printed.startswith(
        """\
Cluster         lab
Quorum          yes (3 of 2 votes, 2 needed)
Expected votes  2, highest expected 2
QDevice         in part (192.0.2.100:5403, ffsplit; 1 of 1 vote cast), pve02: Connecting
Config version  3 on every node read
Overrides       2 votes are expected, but the nodelist adds up to 3
Read            2 of 2 nodes, 2026-11-21T03:21:04Z

NODE     ID  STATE    VOTES  QUORUM  ADDRESSES         VERSION  UP     VMS  CTS
pve01     1  online       1  yes     10.77.0.1         9.2.11   1d 0h  -    -
                                     10.78.0.1
pve02     2  online       1  yes     10.77.0.2         9.2.11   1d 0h  -    -
                                     10.78.0.2
qdevice   0  in part      1  -       192.0.2.100:5403  -        -      -    -
"""
    )

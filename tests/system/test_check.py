"""``fab cluster.check`` on the lab as it comes: nothing is found but what is true of it."""

from __future__ import annotations

import pytest

from lab.client import Lab
from tests.labpve.holding import Shell
from tests.system.conftest import Operator

pytestmark = pytest.mark.lab

TRUE_OF_THE_LAB = ("PRE-I-0001", "REP-I-0019")
"""Notes, which change no exit code: no node is prepared, and some of the sample's guests are not replicated."""

TRUE_OF_THE_MACHINE = ("LNK-W-0002", "LNK-W-0003", "LNK-W-0005")
"""Links that other tests cut, or that have too little processor time: corosync itself measured both, in this hour."""


@pytest.fixture
def certified(lab_cluster: Lab) -> Lab:
    """The cluster, once every node has its certificate: the last thing that a booting node makes."""
    for node in lab_cluster.names:
        Shell(lab_cluster).until(node, "test -e /etc/pve/local/pve-ssl.pem")
    return lab_cluster


@pytest.mark.usefixtures("certified")
def test_a_healthy_cluster_has_no_finding_but_what_is_true_of_it(operator: Operator) -> None:
    checked = operator.fab("cluster.check", "--json")

    codes = [code for code, _ in checked.findings]
    slow = [code for code in codes if code in TRUE_OF_THE_MACHINE]
    assert [code for code in codes if code not in slow and code not in TRUE_OF_THE_LAB] == []
    assert checked.exit == (4 if slow else 0)


@pytest.mark.usefixtures("certified")
def test_every_certificate_and_the_clock_were_looked_at(operator: Operator) -> None:
    checked = operator.fab("cluster.check", "--json", "--only", "OUT,CRT,CLK")

    assert (checked.exit, checked.findings) == (0, [])

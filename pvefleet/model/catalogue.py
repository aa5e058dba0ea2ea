"""The catalogue of findings: every code there is, what it means, what to do, and whether the risk may be accepted.

docs/findings.md is generated from it. A code is never given a new meaning and never used again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvefleet.model.finding import Finding, Severity

_SEVERITY = {"E": Severity.CRITICAL, "W": Severity.WARNING, "I": Severity.INFO}


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of finding.

    Attributes:
        code: ``AREA-S-NNNN``; S is E (critical), W (warning) or I (info).
        title: what it is, for the catalogue.
        meaning: what it means for the cluster.
        fix: what to do next; ``{subject}`` stands for the finding's subject.
        acceptable: may an operator take the risk by name?
    """

    code: str
    title: str
    meaning: str
    fix: str
    acceptable: bool = False

    @property
    def severity(self) -> Severity:
        """The severity that the code's letter states."""
        return _SEVERITY[self.code.split("-")[1]]


CATALOGUE: tuple[Entry, ...] = (
    Entry(
        "NOD-E-0001",
        "node is down",
        "The node answers on none of its addresses, and no node that was read counts it as a member. Its "
        "guests are not running anywhere unless HA has recovered them.",
        "Look at the machine itself: console, BMC, power. Start nothing of its guests elsewhere before it is "
        "proven off.",
    ),
    Entry(
        "NOD-W-0002",
        "node cannot be asked, but its peers see it",
        "The node is a member of the cluster for at least one peer, but SSH does not get through to it from here.",
        "Check the path from here: address and gateway in hosts.toml, firewall, sshd on {subject}.",
        acceptable=True,
    ),
    Entry(
        "NOD-E-0003",
        "host key has changed",
        "Another key than the one that was trusted is presented under this node's name: a reinstalled "
        "machine, another machine on its address, or somebody in between. Nothing was sent to it.",
        "Compare the fingerprint on its console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); if it is "
        "right, remove the old line from known_hosts and run: fab -H {subject} cluster.trust",
    ),
    Entry(
        "NOD-W-0004",
        "host key is not trusted yet",
        "No key is known for this node's name, so nothing was sent to it.",
        "fab -H {subject} cluster.trust",
    ),
    Entry(
        "NOD-W-0005",
        "login refused",
        "The node does not accept our key. With pmxcfs stopped it cannot: root's authorized_keys is a link "
        "into /etc/pve.",
        "If the key is right, pmxcfs may be stopped: on its console, systemctl status pve-cluster. Once it is"
        " well again: fab -H {subject} node.prepare",
    ),
    Entry(
        "NOD-W-0006",
        "login does not end",
        "sshd greets and then hangs before it has judged our key. A hung pmxcfs does that: root's "
        "authorized_keys is a link into /etc/pve, and reading it blocks.",
        "On its console: kill -CONT or restart pmxcfs (systemctl restart pve-cluster). Once it is well again:"
        " fab -H {subject} node.prepare keeps logins working then.",
    ),
    Entry(
        "NOD-W-0007",
        "private key cannot be used",
        "The key file on this side is missing, unreadable, not a key, or its passphrase is not known.",
        "Correct identity in hosts.toml, or load the key into the SSH agent and leave identity out.",
    ),
    Entry(
        "NOD-W-0008",
        "gateway failed",
        "The jump host in front of the node could not be used.",
        "Try it by hand: ssh to the gateway that hosts.toml names for {subject}.",
    ),
    Entry(
        "NOD-W-0009",
        "answer broke off",
        "The node was reached, but its answer did not arrive whole.",
        "Run the command again; if it stays so, look at the load and the disk of {subject}.",
        acceptable=True,
    ),
    Entry(
        "NOD-W-0010",
        "node cannot be asked, and nobody else can tell",
        "The node answers on none of its addresses, and no node was read that could say whether it is a member.",
        "Look at the network between here and the cluster first: everything may be well behind it.",
    ),
    Entry(
        "NOD-E-0011",
        "not the machine that hosts.toml means",
        "The machine behind the node's address calls itself by another name.",
        "Correct address or pve_name of {subject} in hosts.toml.",
    ),
    Entry(
        "QUO-E-0001",
        "quorum is lost",
        "No node that was read has quorum: /etc/pve is read-only, no guest can be started, nodes with active "
        "HA reset themselves.",
        "Bring nodes back; the quickest are those that are only cut off. pvecm expected comes last, with "
        "every absent node proven off.",
    ),
    Entry(
        "QUO-E-0002",
        "the cluster is split",
        "The nodes do not see the same members.",
        "Look at the links between the parts. Change nothing on the part without quorum.",
    ),
    Entry(
        "QUO-W-0003",
        "expected votes were set by hand",
        "The expected votes are not the sum of the nodelist's: somebody ran pvecm expected. It lasts until "
        "the next reload.",
        "Once all nodes are back: pvecm expected with the sum, or corosync-cfgtool -R.",
        acceptable=True,
    ),
    Entry(
        "COR-E-0001",
        "corosync does not run",
        "The node is up, but no member of the cluster.",
        "On {subject}: journalctl -u corosync -n 50; corosync -t; systemctl start corosync",
    ),
    Entry(
        "COR-E-0002",
        "corosync does not answer",
        "The process is there, but its tools hang: frozen or starved.",
        "On {subject}: look for a stopped process (ps -o stat,pid,comm -C corosync) and at the load before "
        "anything is restarted.",
    ),
    Entry(
        "LNK-W-0001",
        "link is down",
        "Members do not reach each other over this link; the others carry the traffic.",
        "Check cable, switch port, address and firewall (UDP 5405 + link number) of {subject}.",
        acceptable=True,
    ),
    Entry(
        "CFG-E-0001",
        "nodes run different versions of corosync.conf",
        "A node with an older version leaves the cluster at its next restart of corosync.",
        "Compare config_version of /etc/pve/corosync.conf with corosync-cmapctl -g totem.config_version on "
        "each node, then corosync-cfgtool -R on one.",
    ),
    Entry(
        "CFG-W-0002",
        "corosync runs another version than its file holds",
        "The file was changed, but not loaded, or loading it was refused.",
        "On {subject}: corosync -t, then corosync-cfgtool -R; the journal says why a reload is refused.",
        acceptable=True,
    ),
    Entry(
        "CFG-W-0003",
        "the two copies of corosync.conf differ",
        "/etc/corosync/corosync.conf is not what /etc/pve/corosync.conf says.",
        "On {subject}: diff the two; an invalid or older /etc/pve/corosync.conf is not copied, and only the "
        "journal says so.",
        acceptable=True,
    ),
    Entry(
        "CFG-E-0004",
        "another cluster's node",
        "The node's cluster has another name than the one hosts.toml lists it under.",
        "Correct hosts.toml: [clusters.NAME] must equal cluster_name in corosync.conf.",
    ),
    Entry(
        "CFG-W-0005",
        "member is missing from hosts.toml",
        "A node of corosync's nodelist is not listed: it is not looked at, and changes are refused.",
        "Add {subject} to hosts.toml.",
    ),
    Entry(
        "CFG-W-0006",
        "node is not in the cluster's nodelist",
        "hosts.toml lists a node that corosync.conf does not know.",
        "Join {subject}, or remove it from hosts.toml.",
        acceptable=True,
    ),
    Entry(
        "CLU-W-0001",
        "node is in no cluster",
        "Neither /etc/pve/corosync.conf nor /etc/corosync/corosync.conf exists there.",
        "Create a cluster on it or join it to one.",
        acceptable=True,
    ),
    Entry(
        "PMX-E-0001",
        "pmxcfs does not run",
        "/etc/pve is not mounted: no guest can be listed, started or changed there, and new logins by key fail.",
        "On {subject}: systemctl start pve-cluster; journalctl -u pve-cluster -n 50",
    ),
    Entry(
        "PMX-E-0002",
        "pmxcfs does not answer",
        "Whatever reads /etc/pve on this node hangs, new logins by key included.",
        "On {subject}: look for a stopped process (ps -o stat,pid,comm -C pmxcfs), then systemctl restart pve-cluster",
    ),
    Entry(
        "PMX-W-0003",
        "/etc/pve is read-only although the node is quorate",
        "pmxcfs follows corosync some seconds later; if it stays so, it has lost its connection.",
        "Look again in ten seconds; then on {subject}: systemctl restart pve-cluster",
        acceptable=True,
    ),
    Entry(
        "CLK-W-0001",
        "clock is off",
        "The node's clock differs from ours by more than the policy allows: logs, replica ages and "
        "certificates mislead.",
        "On {subject}: chronyc tracking",
        acceptable=True,
    ),
    Entry(
        "VER-W-0001",
        "nodes run different versions of Proxmox VE",
        "Fine during an upgrade, not for long: migrations work from old to new only.",
        "Finish the upgrade, one node at a time.",
        acceptable=True,
    ),
    Entry(
        "OUT-E-0001",
        "output was not understood",
        "A native command printed something that pvefleet does not know; nothing is concluded from it.",
        "Please report it with the output shown as evidence.",
    ),
    Entry(
        "OUT-W-0002",
        "a source did not answer",
        "One command or file could not be read; what rests on it is shown as unknown.",
        "Run it by hand on the node named.",
        acceptable=True,
    ),
)

_BY_CODE = {entry.code: entry for entry in CATALOGUE}


def finding(code: str, subject: str, message: str, evidence: Sequence[str] = ()) -> Finding:
    """Return a finding of the catalogue's kind *code*.

    Args:
        code: a code of the catalogue.
        subject: what it is about.
        message: one sentence for the operator, without a trailing full stop.
        evidence: what was seen, and where.

    Raises:
        KeyError: the catalogue has no such code.
    """
    entry = _BY_CODE[code]
    fix = entry.fix.replace("{subject}", subject)
    return Finding(code, entry.severity, subject, message, tuple(evidence), fix, entry.acceptable)

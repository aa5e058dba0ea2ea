"""The state of the machines: clocks, versions."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
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
        "CLK-W-0002",
        "clock is not kept by NTP",
        "The kernel says that nothing synchronises the clock; it will drift away.",
        "On {subject}: systemctl status chrony; chronyc tracking",
        acceptable=True,
    ),
    Entry(
        "VER-W-0002",
        "nodes run different versions of corosync",
        "Reloading the configuration across versions is not supported by corosync.",
        "Finish the upgrade, one node at a time.",
        acceptable=True,
    ),
    Entry(
        "NAM-W-0001",
        "a node's own name does not resolve to an address of its own",
        "pve-cluster does not start where the name resolves to a loopback address or not at all; others may "
        "connect to the wrong place.",
        "On {subject}: correct its line in /etc/hosts (and remove 127.0.1.1).",
        acceptable=True,
    ),
    Entry(
        "NAM-W-0002",
        "a name resolves differently on the nodes",
        "Migration, console and SSH between nodes go by names: they must mean the same everywhere.",
        "Make /etc/hosts or DNS agree for {subject} on all nodes.",
        acceptable=True,
    ),
    Entry(
        "SVC-W-0001",
        "a service does not run",
        "A daemon of Proxmox VE is not active on this node.",
        "On {subject}: systemctl status UNIT; journalctl -u UNIT -n 50",
        acceptable=True,
    ),
    Entry(
        "CRT-W-0001",
        "certificate ends soon",
        "It ends within 30 days.",
        "On {subject}: pvecm updatecerts --force, then systemctl reload-or-restart pveproxy",
        acceptable=True,
    ),
    Entry(
        "CRT-E-0002",
        "certificate has ended or is about to",
        "It has ended, or ends within 7 days: joins, API and consoles fail with it.",
        "On {subject}: pvecm updatecerts --force, then systemctl reload-or-restart pveproxy",
        acceptable=True,
    ),
    Entry(
        "CRT-W-0003",
        "certificate is missing",
        "pveproxy does not start without it, and other nodes cannot reach this one's API.",
        "On {subject}: pvecm updatecerts, then systemctl reload-or-restart pveproxy",
        acceptable=True,
    ),
    Entry(
        "CRT-W-0004",
        "the cluster's certificate authority ends soon",
        "It ends within 60 days. Proxmox VE never renews it, and with less than 14 days left it signs no certificate "
        "any more: no node can join, none is renewed.",
        "Keep a copy of /etc/pve/pve-root-ca.pem and /etc/pve/priv/pve-root-ca.key, remove both, then on one node "
        "after the other: pvecm updatecerts --force; systemctl reload-or-restart pveproxy. All fingerprints change.",
        acceptable=True,
    ),
    Entry(
        "PRE-I-0001",
        "logins depend on pmxcfs",
        "sshd finds root's keys below /etc/pve alone: with pmxcfs stopped or hung nobody can log in by key.",
        "fab -H {subject} node.prepare",
        acceptable=True,
    ),
)

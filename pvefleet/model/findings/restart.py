"""Restarting corosync: risks that an operator may take by name."""

from pvefleet.model.findings.entry import Entry

ENTRIES = (
    Entry(
        "RST-W-0001",
        "corosync would be restarted under an armed watchdog",
        "HA holds the watchdog of this node. While corosync restarts, the agent cannot renew its lock: if that takes a "
        "minute, the machine resets itself and its guests are started elsewhere.",
        "Disarm HA first (ha-manager crm-command disarm-ha freeze) or, with two connected links, accept the risk for "
        "{subject}: the restart then has 40 s.",
        acceptable=True,
    ),
    Entry(
        "RST-W-0002",
        "a restart costs quorum for a moment",
        "Two nodes without a QDevice: while one restarts corosync, the other has no quorum and /etc/pve is read-only. "
        "Running guests run on; nothing can be started or changed until both are back.",
        "Set up a QDevice, or accept the risk. It cannot be accepted while any watchdog is armed.",
        acceptable=True,
    ),
)
"""Every kind of finding about restarting corosync."""

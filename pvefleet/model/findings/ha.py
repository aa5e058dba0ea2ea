"""High availability: manager, agents, watchdogs, guests under HA, rules and groups."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "HAV-E-0001",
        "nobody manages HA",
        "Guests are under HA, but no HA manager reports: nothing is started, moved or recovered. After the death of "
        "the manager's node another takes over within about three minutes.",
        "Wait three minutes and look again; then on each node: systemctl status pve-ha-crm; journalctl -u pve-ha-crm "
        "-n 50",
    ),
    Entry(
        "HAV-E-0002",
        "HA agent is silent",
        "The agent (LRM) of a node that is in the cluster does not report: its guests are not watched, and orders for "
        "them wait.",
        "On {subject}: systemctl status pve-ha-lrm watchdog-mux; journalctl -u pve-ha-lrm -n 50. Never kill the agent: "
        "the watchdog would reset the node.",
    ),
    Entry(
        "HAV-E-0003",
        "guest is in error",
        "HA has given up on the guest and does not touch it until it was set to disabled.",
        "Find the cause in journalctl -u pve-ha-lrm of its node and -u pve-ha-crm of the manager's, then: ha-manager "
        "set {subject} --state disabled, repair, --state started. Disabling stops a guest that still runs.",
    ),
    Entry(
        "HAV-E-0004",
        "guest waits for a node to run on",
        "Its node was fenced, and no other node may take it. It waits for ever: until a node comes back, a rule "
        "changes, or it is disabled.",
        "Bring a node back that its rules allow, or change the rules. Do not move its configuration by hand: HA does.",
    ),
    Entry(
        "HAV-E-0005",
        "node is not fenced in time",
        "Guests wait for their dead node to be fenced, longer than fencing takes.",
        "Look at journalctl -u pve-ha-crm on the manager's node. Prove {subject} off before anything else is done.",
    ),
    Entry(
        "HAV-E-0006",
        "watchdog runs without quorum",
        "An HA daemon holds the watchdog on a node without quorum: the machine resets itself within a minute.",
        "Nothing stops the watchdog safely now. Bring quorum back; do not stop pve-ha-lrm or watchdog-mux.",
    ),
    Entry(
        "HAV-E-0007",
        "HA agent has lost its lock",
        "The agent could not renew its lock although the node has quorum: the watchdog is about to reset the machine.",
        "On {subject}: is /etc/pve writable? systemctl status pve-cluster; journalctl -u pve-ha-lrm -n 50",
    ),
    Entry(
        "HAV-W-0008",
        "HA is disarmed",
        "HA was switched off for a time: no guest is recovered, and orders to HA are dropped although the command "
        "succeeds. It stays so over reboots.",
        "Once every node is back: ha-manager crm-command arm-ha. Never while a node of an HA guest cannot be reached "
        "and is not proven off.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0009",
        "node is in maintenance",
        "HA runs nothing there until the maintenance is ended; it outlives reboots. Guests that are not under HA stay "
        "where they are.",
        "When the work is done: ha-manager crm-command node-maintenance disable {subject}",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0010",
        "HA agent is being stopped",
        "The agent is on its way out: in restart mode its guests are frozen and not recovered, in shutdown mode they "
        "are stopped and recovered elsewhere.",
        "If the node is not rebooting, on {subject}: systemctl start pve-ha-lrm",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0011",
        "guests are frozen",
        "A frozen guest is not recovered, even if its node dies.",
        "On {subject}: systemctl status pve-ha-lrm; guests thaw when the agent is active again.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0012",
        "failover under way",
        "The guests of a dead node wait for it to be fenced; that takes about two minutes, three if it was the "
        "manager's node.",
        "Wait. Start nothing by hand.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0013",
        "migration takes long",
        "HA has been moving the guest for more than half an hour.",
        "Look at the task's log on its node; a guest that changes its memory faster than the network carries it never "
        "arrives.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0014",
        "guest does not exist",
        "HA is configured for a guest that has no configuration file, or that is of the other type.",
        "ha-manager remove {subject}",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0015",
        "guest is not where HA believes",
        "Its configuration file stands under another node than the HA manager thinks: somebody moved it by hand. The "
        "agent will report the wrong node and the guest end in error.",
        "ha-manager remove {subject}, wait until it has gone from ha.status, then add it again with its present state.",
    ),
    Entry(
        "HAV-W-0016",
        "rule is violated",
        "A guest runs where a strict rule or a restricted group forbids it, or guests are not together or apart as "
        "they must be.",
        "HA moves them itself where it can: look again in a minute, then at journalctl -u pve-ha-crm of the manager's "
        "node for what stands in its way.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0017",
        "rule names an unknown node",
        "The node is not in the cluster: removed, or misspelt. The rule counts it all the same.",
        "Correct the nodes of {subject}.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0018",
        "rule names a guest that is not under HA",
        "The rule has no effect on it.",
        "Add the guest with ha-manager add, or take it out of {subject}.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0019",
        "rule is not followed",
        "The rule cannot be followed, alone or beside another one, so the HA manager drops it.",
        "Change {subject} or the rule it is at odds with.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0020",
        "no node is left for a strict rule",
        "None of the nodes that the rule allows can take guests now: whatever stops there stays down.",
        "Bring one of its nodes back, or widen {subject}.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0021",
        "groups and rules are mixed",
        "Both groups.cfg and rules.cfg have content. Until the groups are migrated, rules cannot be changed.",
        "Finish the upgrade to Proxmox VE 9: its HA manager turns the groups into rules by itself.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0022",
        "groups are not migrated to rules",
        "Every node runs Proxmox VE 9, but the groups of version 8 are still there.",
        "The HA manager migrates them once every node is online, no agent is in maintenance and no service moves; "
        "journalctl -u pve-ha-crm of its node says what holds it up. Groups without guests are lost by it.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0023",
        "rules beside old nodes",
        "There are HA rules, but a node still runs Proxmox VE 8: an HA manager there ignores them all.",
        "Finish the upgrade; change neither groups nor rules before.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0024",
        "group does not exist",
        "Guests under HA name a group that is not there: they are bound to no node.",
        "Create {subject}, or take it out of the guests' HA settings.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0025",
        "orders to HA are not taken",
        "Orders have been waiting for longer than the manager's round takes; the commands that gave them succeeded.",
        "On the manager's node: systemctl status pve-ha-crm",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0026",
        "HA report is from the future",
        "The time of a report lies ahead of the clock it is compared with: locks age wrongly.",
        "On {subject}: chronyc tracking",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0027",
        "HA daemon does not run",
        "Without pve-ha-crm the node cannot take over as manager; without watchdog-mux its agent cannot become active.",
        "On {subject}: systemctl status watchdog-mux pve-ha-crm pve-ha-lrm; start what is down.",
        acceptable=True,
    ),
    Entry(
        "HAV-W-0028",
        "active agent without watchdog",
        "The agent says that it is active, but nothing holds the watchdog: the node would not reset itself, and its "
        "guests could run twice.",
        "On {subject}: journalctl -u watchdog-mux -n 50",
    ),
    Entry(
        "HAV-W-0029",
        "copies of the HA configuration differ",
        "The node's /etc/pve/ha is not that of the node that speaks for the cluster: it is cut off, or pmxcfs lags.",
        "Look again in ten seconds; then at the quorum and pmxcfs of {subject}.",
    ),
    Entry(
        "HAV-W-0030",
        "HA agent of a node without HA guests is silent",
        "The agent (LRM) does not report: HA cannot start a guest there.",
        "On {subject}: systemctl status pve-ha-lrm watchdog-mux; journalctl -u pve-ha-lrm -n 50",
        acceptable=True,
    ),
    Entry(
        "HAV-I-0031",
        "guests are ignored by HA",
        "They are configured, but HA keeps its hands off: nobody restarts or recovers them.",
        "ha-manager set SID --state started once they should be watched again.",
        acceptable=True,
    ),
    Entry(
        "HAV-I-0032",
        "fence.cfg is there",
        "Proxmox VE never uses it: it fences by watchdogs alone. Passwords in it are readable to whoever reads "
        "/etc/pve.",
        "Take passwords out of /etc/pve/ha/fence.cfg, or remove it.",
        acceptable=True,
    ),
)

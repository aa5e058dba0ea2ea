"""Storage replication: jobs that fail, are late, cannot run, and guests whose copies would not serve."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "REP-E-0001",
        "replication fails again and again",
        "The last three runs or more have failed. The scheduler tries again half an hour after each; the copy stays "
        "as old as the last run that succeeded.",
        "fab replication.log --job {subject}; 'No common base snapshot' means that the target's volume must be "
        "removed or the job be made anew.",
    ),
    Entry(
        "REP-W-0002",
        "replication failed",
        "The last run, or the last two, have failed; the scheduler tries again after 5, then 10 minutes.",
        "fab replication.log --job {subject}",
        acceptable=True,
    ),
    Entry(
        "REP-W-0003",
        "replication is late",
        "A run is overdue without having failed: the scheduler waits for the guest's lock (a backup, a migration, a "
        "rollback), is busy with another job, or does not run. Proxmox VE itself notifies nobody of that.",
        "On its source: systemctl status pvescheduler; journalctl -u pvescheduler -n 50",
        acceptable=True,
    ),
    Entry(
        "REP-W-0004",
        "there is no copy yet",
        "The job has never succeeded: nothing of the guest is on the target that could be used.",
        "If it does not run within some minutes, on its source: journalctl -u pvescheduler -n 50",
        acceptable=True,
    ),
    Entry(
        "REP-W-0005",
        "replication job is disabled",
        "Its copy ages until somebody enables it again.",
        "pvesr enable {subject}; after a failover only once it is decided what becomes of the old source's data: the "
        "next run overwrites it.",
        acceptable=True,
    ),
    Entry(
        "REP-W-0006",
        "replication job cannot be removed",
        "It was marked for removal some time ago and is still there. Removing needs the owner's scheduler, quorum and, "
        "unless the copy is kept, the target.",
        "If the target is gone for good: pvesr delete {subject} --force 1 (cleans up nothing, neither here nor there)",
        acceptable=True,
    ),
    Entry(
        "REP-E-0007",
        "replication job can never run",
        "As it is written, no run will ever come: the target is the guest's own node or no node of the cluster, or "
        "the schedule never comes or is none.",
        "pvesr delete {subject} --force 1, then create it anew; a schedule can be corrected: pvesr update {subject} "
        "--schedule '*/15' (fab replication.explain-schedule tries one out)",
    ),
    Entry(
        "REP-W-0008",
        "replication job of a guest that does not exist",
        "No node runs it, and none removes it.",
        "pvesr delete {subject} --force 1",
        acceptable=True,
    ),
    Entry(
        "REP-W-0009",
        "guest is not where its replication job says",
        "The guest's configuration was moved by hand. The scheduler of its new node rewrites the job within a minute: "
        "a copy on that node is then source, and the old source becomes the target and is OVERWRITTEN at the next run.",
        "If the old source holds anything that is still needed: pvesr disable {subject} at once.",
    ),
    Entry(
        "REP-W-0010",
        "replication job names no source",
        "An old job. If its guest is moved to the target by hand, the job will point to itself and never run.",
        "pvesr update {subject} --source NODE, with the node that the guest is on",
        acceptable=True,
    ),
    Entry(
        "REP-W-0011",
        "nodes hold different replication jobs",
        "Nodes of one partition have different copies of replication.cfg. A difference that stays is a broken "
        "cluster file system.",
        "Look again in ten seconds; then on the nodes that differ: systemctl restart pve-cluster",
        acceptable=True,
    ),
    Entry(
        "REP-W-0012",
        "copy is older than the policy allows",
        "More would be lost with the source than rpo_seconds in hosts.toml allows.",
        "A tighter schedule, or more bandwidth: fab replication.log --job {subject} shows how long a run takes.",
        acceptable=True,
    ),
    Entry(
        "REP-W-0013",
        "a node's replication stands still",
        "All jobs of this node are late, and none of them fails: its scheduler does not run, or hangs in one job.",
        "On {subject}: systemctl status pvescheduler; journalctl -u pvescheduler -n 50",
        acceptable=True,
    ),
    Entry(
        "REP-I-0014",
        "replication waits for a node",
        "The target is offline. Each job is tried once, then the scheduler waits until the target is back.",
        "Bring {subject} back; if it is gone for good, remove the jobs before the node: pvesr delete ID --force 1",
    ),
    Entry(
        "REP-I-0015",
        "replication of a node was not seen",
        "The node that runs these jobs was not read: how old their copies are is not known from there. The names of "
        "the snapshots on the targets tell: __replicate_ID_EPOCH__.",
        "On a target: zfs list -Hp -t snapshot -o name,creation | grep __replicate_",
    ),
    Entry(
        "REP-I-0016",
        "schedule means something else than it seems to",
        "Proxmox VE accepts it, but does not take it as one may think.",
        "fab replication.explain-schedule shows when it comes; pvesr update {subject} --schedule changes it.",
        acceptable=True,
    ),
    Entry(
        "REP-I-0017",
        "replication job is being removed",
        "Its owner's scheduler removes it within some minutes.",
        "",
    ),
    Entry(
        "REP-W-0018",
        "copy lacks a volume",
        "A local volume of the guest is left out of the copy (replicate=0): after a failover the guest does not start "
        "without it.",
        "Remove replicate=0 of the volume, or detach it before the guest is started from the copy.",
        acceptable=True,
    ),
    Entry(
        "REP-I-0019",
        "guests on local ZFS without a replication job",
        "If their node fails, they are down until it is back, or must come from a backup.",
        "pvesr create-local-job ID-0 NODE --schedule '*/15'",
        acceptable=True,
    ),
    Entry(
        "REP-W-0020",
        "HA may move a guest to where no copy of it is",
        "When its node fails, HA picks any node that its rules allow. On one without a copy of the guest's local "
        "volumes it cannot start.",
        "Restrict the guest to its node and its targets by a strict node affinity rule (a restricted group up to "
        "Proxmox VE 8), or replicate it to the other nodes too.",
        acceptable=True,
    ),
    Entry(
        "REP-W-0021",
        "copy is from the future",
        "The last run lies ahead of its node's clock: the clock was set back. Runs are refused until it has caught up "
        "(start time before last sync).",
        "On its source: chronyc tracking",
        acceptable=True,
    ),
    Entry(
        "REP-W-0022",
        "replication jobs were not seen",
        "No node's copy of replication.cfg could be read: which jobs there are is not known. What their owners' state "
        "files say of the copies is shown.",
        "Bring pmxcfs back: systemctl start pve-cluster",
    ),
    Entry(
        "REP-W-0023",
        "replication runs from a node that is not in hosts.toml",
        "Nobody looks at these jobs.",
        "Add {subject} to hosts.toml.",
        acceptable=True,
    ),
    Entry(
        "REP-E-0024",
        "volume keeps the guest from being replicated",
        "A local volume that cannot be replicated makes every run of the guest's jobs fail.",
        "Move it to ZFS, detach it, or exclude it with replicate=0 (the copy then lacks it).",
    ),
)

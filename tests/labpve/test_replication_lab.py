"""Replication and snapshots on real nodes: what is written on one really arrives on another, and can be lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from lab.client import Lab
from tests.labpve.holding import Capture, Shell
from tests.labpve.test_captures_lab import here, shape

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

STATE = "/var/lib/pve-manager/pve-replication-state.json"
DISK = "/dev/zvol/rpool/data/vm-{}-disk-0"
DURATIONS = "/etc/pvelab/durations.json"
HURRY = 'sed -i \'s/"scale": [0-9.]*/"scale": {}/\' /etc/pvelab/node.json'
HASTE = 0.05
_TIMES = [
    (r"\d{4}-\d\d-\d\d([ _])\d\d:\d\d:\d\d", r"TIME\1"),
    (r"\b17\d{8}\b", "EPOCH"),
    (r"\b\d+\.\d{5,6}\b", "SECONDS"),
    (r"[0-9a-f]{40}", "DIGEST"),
    (r"localzfs", "local-zfs"),
    (r" +", " "),
]


def masked(text: str) -> str:
    for pattern, replacement in _TIMES:
        text = re.sub(pattern, replacement, shape(text))
    return text


def hold(shell: Shell, node: str, case: str) -> None:
    """As `test_captures_lab.hold`, with what differs between any two runs of replication masked as well."""
    genuine = Capture.read(case)
    code, out, err = shell.run(node, here(genuine.command))
    assert (masked(out), masked(err), code) == (masked(genuine.out), masked(genuine.err), genuine.code)


@pytest.fixture
def nodes(shell: Shell) -> Iterator[Shell]:
    """Nodes that have no guest, no job and no volume afterwards. Nothing runs but what a test runs."""
    for node in shell.lab.names:
        shell.until(node, "test -s /etc/pve/nodes/$(uname -n)/ssh_known_hosts")
        shell.out(node, "systemctl stop pvescheduler")
    yield shell
    shell.lab.restore()
    for node in shell.lab.names:
        shell.out(node, HURRY.format(0.25))
        shell.out(node, f"rm -rf {DURATIONS} {STATE} /var/lib/vz/images; pkill -f '^/usr/bin/kvm -id' || :")
        shell.out(node, "for d in $(zfs list -Ho name | grep /data/); do zfs destroy -r $d; done")
        shell.until(node, "systemctl start pvescheduler")
    shell.until("pve01", "rm -f /etc/pve/nodes/*/*/*.conf /etc/pve/replication.cfg")


def machine(shell: Shell, vmid: int, node: str = "pve01") -> str:
    """A machine with one disk on ZFS; returns the disk's path."""
    shell.out(node, f"qm create {vmid} --memory 64 --scsi0 local-zfs:1")
    return DISK.format(vmid)


def entry(shell: Shell, node: str, vmid: int, target: str) -> dict[str, object]:
    return dict(json.loads(shell.out(node, f"cat {STATE}"))[str(vmid)][f"local/{target}"])


def snapshots(shell: Shell, node: str, vmid: int) -> list[str]:
    lines = shell.out(node, f"zfs list -H -o name -t snapshot rpool/data/vm-{vmid}-disk-0").split()
    return [line.partition("@")[2] for line in lines]


def synced(shell: Shell, node: str, job: str) -> None:
    """Run a job, and let its second go by: a run that begins in the second of the one before is refused."""
    shell.out(node, f"pvesr run --id {job}")
    entries = json.loads(shell.out(node, f"cat {STATE}"))[job.partition("-")[0]]
    last = max(int(one["last_sync"]) for one in entries.values())
    shell.until(node, f"[ $(date +%s) -gt {last} ]")


class TestReplication:
    def test_a_run_carries_content_and_snapshots_to_the_target(self, nodes: Shell) -> None:
        disk = machine(nodes, 103)
        nodes.out("pve01", f"echo first > {disk} && qm snapshot 103 one")
        nodes.out("pve01", "pvesr create-local-job 103-0 pve02")
        synced(nodes, "pve01", "103-0")
        nodes.out("pve01", f"echo second > {disk} && pvesr run --id 103-0")

        assert nodes.out("pve02", f"cat {disk}") == "second\n"
        fields = entry(nodes, "pve01", 103, "pve02")
        own = f"__replicate_103-0_{fields['last_sync']}__"
        assert snapshots(nodes, "pve02", 103) == snapshots(nodes, "pve01", 103) == ["one", own]
        guid = "zfs get -Hp -o value guid rpool/data/vm-103-disk-0@one"
        assert nodes.out("pve01", guid) == nodes.out("pve02", guid)
        assert fields["fail_count"] == 0
        log = nodes.out("pve01", "cat /var/log/pve/replicate/103-0").splitlines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 103-0: start replication job", log[0])
        assert log[-1].endswith("end replication job")

    def test_the_scheduler_runs_what_is_due(self, nodes: Shell) -> None:
        disk = machine(nodes, 103)
        nodes.out("pve01", f"echo scheduled > {disk}; pvesr create-local-job 103-0 pve02")
        nodes.out("pve01", "systemctl start pvescheduler")
        nodes.until("pve02", f"grep scheduled {disk}", seconds=60)

    def test_prints_what_the_genuine_ones_printed(self, nodes: Shell) -> None:
        hold(nodes, "pve01", "pvesr/list-empty")
        hold(nodes, "pve01", "pvesr/status-empty")
        nodes.out("pve01", "qm create 100 --memory 64 --scsi0 local:1,format=qcow2; qm create 102 --memory 64")
        machine(nodes, 103)
        for case in ("missing-guest", "dirstorage", "nodisk", "bad-id", "zfs", "zfs-second-target"):
            hold(nodes, "pve01", f"pvesr/create-{case}")
        for case in ("create-self", "create-unknown-target", "delete-missing", "disable-missing", "read-missing"):
            hold(nodes, "pve01", f"pvesr/{case}")
        for case in ("read", "status-new", "schedule-now", "schedule-now-other-node", "disable"):
            hold(nodes, "pve01", f"pvesr/{case}")
        hold(nodes, "pve02", "pvesr/status-from-pve2")
        nodes.out("pve01", "pvesr update 103-0 --schedule '*/5' --rate 50 --comment neu")
        hold(nodes, "pve01", "pvesr/list-after-disable")
        hold(nodes, "pve01", "pvesr/enable")
        hold(nodes, "pve01", "pvesr/config-file")

    def test_a_guest_moved_by_hand_turns_its_job_and_the_next_run_eats_the_old_source(self, nodes: Shell) -> None:
        disk = machine(nodes, 103)
        nodes.out("pve01", "pvesr create-local-job 103-0 pve02")
        synced(nodes, "pve01", "103-0")
        nodes.out("pve01", f"echo lost > {disk}")
        move = "mv -n /etc/pve/nodes/pve01/qemu-server/103.conf /etc/pve/nodes/pve02/qemu-server/103.conf"
        nodes.out("pve02", f"pvesr disable 103-0 && {move}")
        assert "target pve02" in nodes.out("pve02", "cat /etc/pve/replication.cfg")

        shown = nodes.out("pve02", "pvesr status").splitlines()[1].split()

        assert shown == ["103-0", "No", "local/pve01", "-", "pending", "-", "0", "OK"]
        assert nodes.out("pve02", f"cat {STATE}") == "{}"
        nodes.out("pve02", f"echo survivor > {disk} && pvesr enable 103-0 && pvesr run --id 103-0")
        assert nodes.out("pve01", f"cat {disk}") == "survivor\n"
        nodes.out("pve01", "pvesr status")
        assert nodes.out("pve01", f"cat {STATE}") == "{}"

    def test_a_target_killed_while_it_receives_has_what_it_had(self, nodes: Shell) -> None:
        disk = machine(nodes, 103)
        nodes.out("pve01", f"echo before > {disk}; pvesr create-local-job 103-0 pve02")
        synced(nodes, "pve01", "103-0")
        before = snapshots(nodes, "pve02", 103)
        nodes.out("pve01", HURRY.format(HASTE))
        nodes.out("pve01", f"echo after > {disk}; echo '{{\"zfs-send\": 5}}' > {DURATIONS}")
        nodes.out("pve01", "setsid -f pvesr run --id 103-0 >/dev/null 2>&1 </dev/null")
        nodes.until("pve01", "grep -q 'incremental sync' /var/log/pve/replicate/103-0")
        nodes.lab.kill("pve02")

        nodes.until("pve01", "grep -q 'end replication job with error' /var/log/pve/replicate/103-0", seconds=150)

        assert entry(nodes, "pve01", 103, "pve02")["fail_count"] == 1
        assert snapshots(nodes, "pve01", 103) == before
        nodes.lab.start("pve02")
        nodes.lab.settle()
        assert nodes.out("pve02", f"cat {disk}") == "before\n"
        assert snapshots(nodes, "pve02", 103) == before

    def test_towards_a_dead_node_a_run_hangs_and_says_what_ssh_said(self, nodes: Shell) -> None:
        machine(nodes, 103)
        nodes.out("pve01", "pvesr create-local-job 103-0 pve02")
        nodes.out("pve01", HURRY.format(HASTE))
        nodes.lab.kill("pve02")
        nodes.until("pve01", '! grep -q \'"pve02".*"online": 1\' /etc/pve/.members')

        code, _, err = nodes.run("pve01", "pvesr run --id 103-0", timeout=120)

        assert code == 255
        assert "-- pvesr prepare-local-job 103-0 local-zfs:vm-103-disk-0 --last_sync 0' failed: exit code 255" in err
        said = nodes.out("pve01", "grep remote_prepare /var/log/pve/replicate/103-0")
        assert re.search(r"\(remote_prepare_local_job\) ssh: connect to host .* port 22: Connection timed out", said)
        assert float(str(entry(nodes, "pve01", 103, "pve02")["duration"])) > 133 * HASTE - 1
        # next to fail_count, that is what says that the target is away
        assert nodes.out("pve01", "pvesr status").splitlines()[1].split()[4] == "-"

    def test_removals(self, nodes: Shell) -> None:
        machine(nodes, 103)
        nodes.out("pve01", "pvesr create-local-job 103-0 pve02")
        synced(nodes, "pve01", "103-0")
        assert nodes.run("pve01", "pvesr delete 103-0 --keep 1 --force 1")[0] == 2
        assert "background task" in nodes.run("pve01", "pvesr delete 103-0")[2]
        assert "remove_job full" in nodes.out("pve01", "cat /etc/pve/replication.cfg")
        nodes.out("pve01", "pvesr run")
        assert nodes.out("pve01", "cat /etc/pve/replication.cfg") == ""
        assert nodes.run("pve02", "zfs list rpool/data/vm-103-disk-0")[0] == 1
        assert snapshots(nodes, "pve01", 103) == []


class TestSnapshots:
    def test_prints_what_the_genuine_ones_printed(self, nodes: Shell) -> None:
        nodes.out("pve01", "qm create 100 --name web1 --memory 64 --scsi0 local:1,format=qcow2")
        for case in ("listsnapshot-empty", "listsnapshot-novm", "snapshot-1", "listsnapshot-one", "rollback-missing"):
            hold(nodes, "pve01", f"qm/{case}")
        for case in ("badname-digit", "current", "long41", "onechar"):
            hold(nodes, "pve01", f"qm/snapshot-{case}")
        hold(nodes, "pve01", "qm/delsnapshot-badname")
        hold(nodes, "pve01", "qm/rollback-ok")

    def test_containers_on_zfs(self, nodes: Shell) -> None:
        nodes.out("pve01", "pct create 120 local:vztmpl/x.tar.gz --rootfs local-zfs:1 --hostname c")
        for case in ("snapshot-ok", "snapshot-ok2", "listsnapshot-120", "rollback-not-latest", "rollback-ok"):
            hold(nodes, "pve01", f"pct/{case}")
        hold(nodes, "pve01", "pct/delsnapshot-ok")
        hold(nodes, "pve01", "pct/listsnapshot-120-after")

    def test_a_rollback_brings_data_back_stops_the_guest_and_holds_the_snapshot(self, nodes: Shell) -> None:
        disk = machine(nodes, 100)
        nodes.out("pve01", f"echo good > {disk} && qm start 100 && qm snapshot 100 safe")
        nodes.out("pve01", "pvesr create-local-job 100-0 pve02")
        synced(nodes, "pve01", "100-0")
        nodes.out("pve01", f"echo bad > {disk}")

        code, out, err = nodes.run("pve01", "qm rollback 100 safe")

        assert code == 0
        assert "WARN: removing replication snapshot 'local-zfs:vm-100-disk-0@__replicate_100-0_" in out
        assert "Task finished with 2 warning(s)!" in err
        assert nodes.out("pve01", f"cat {disk}") == "good\n"
        assert nodes.out("pve01", "qm status 100") == "status: stopped\n"
        needed = "snapshot 'safe' needed by replication job '100-0' - run replication first\n"
        assert nodes.run("pve01", "qm delsnapshot 100 safe") == (255, "", needed)
        nodes.out("pve01", "pvesr run --id 100-0 && qm delsnapshot 100 safe")

    def test_memory_is_kept_and_comes_back(self, nodes: Shell) -> None:
        machine(nodes, 100)
        nodes.out("pve01", "qm start 100 && qm snapshot 100 live --vmstate 1")
        assert "vmstate: local-zfs:vm-100-state-live" in nodes.out("pve01", "qm config 100 --snapshot live")
        nodes.out("pve01", "qm rollback 100 live")
        assert nodes.out("pve01", "qm status 100") == "status: running\n"
        nodes.out("pve01", "qm delsnapshot 100 live")
        assert nodes.run("pve01", "zfs list rpool/data/vm-100-state-live")[0] == 1

    def test_a_reader_that_goes_leaves_half_a_snapshot_and_its_lock(self, nodes: Shell) -> None:
        machine(nodes, 100)
        nodes.out("pve01", f"echo '{{\"qmsnapshot\": 0.5}}' > {DURATIONS}")
        nodes.run("pve01", "qm snapshot 100 half | true")
        nodes.until("pve01", "tail -1 /var/log/pve/tasks/index | grep 'qmsnapshot:100:root@pam: .* broken pipe $'")
        assert "lock: snapshot\n" in nodes.out("pve01", "cat /etc/pve/qemu-server/100.conf")
        assert "snapstate: prepare\n" in nodes.out("pve01", "cat /etc/pve/qemu-server/100.conf")
        assert snapshots(nodes, "pve01", 100) == []
        locked = (255, "", "VM is locked (snapshot)\n")
        assert nodes.run("pve01", "qm delsnapshot 100 half --force 1") == locked
        gone = "zfs error: could not find any snapshots to destroy; check snapshot names.\n"
        assert nodes.run("pve01", "qm unlock 100 && qm delsnapshot 100 half") == (255, "", gone)
        assert "lock: snapshot-delete\n" in nodes.out("pve01", "cat /etc/pve/qemu-server/100.conf")
        assert nodes.run("pve01", "qm unlock 100 && qm delsnapshot 100 half --force 1") == (0, gone, "")
        hold(nodes, "pve01", "qm/listsnapshot-empty")

    def test_a_detached_task_finishes(self, nodes: Shell) -> None:
        machine(nodes, 100)
        nodes.out("pve01", f"echo '{{\"qmsnapshot\": 0.5}}' > {DURATIONS}")
        script = "exec >/root/snap.log 2>&1 </dev/null; qm snapshot 100 whole"
        nodes.out("pve01", f'systemd-run -q --unit=pveop-1 --wait --collect bash -c "{script}"')
        assert nodes.out("pve01", "cat /root/snap.log") == "snapshotting 'drive-scsi0' (local-zfs:vm-100-disk-0)\n"
        upid = nodes.out("pve01", "journalctl -u pveop-1 -o cat | grep -o 'end task UPID:.* OK$'").split()[2]
        log = f"/var/log/pve/tasks/{upid.split(':')[4][-1]}/{upid}"
        assert nodes.out("pve01", f"tail -1 {log}") == "TASK OK\n"

    def test_without_quorum_a_rollback_stops_the_guest_and_then_fails(self, nodes: Shell) -> None:
        machine(nodes, 100)
        nodes.out("pve01", "qm start 100 && qm snapshot 100 safe")
        nodes.lab.partition(["pve01"], ["pve02", "pve03"])
        nodes.until("pve01", "! corosync-quorumtool -s >/dev/null")
        nodes.until("pve01", "! touch /etc/pve/nodes/pve01/qemu-server/100.conf")
        hold(nodes, "pve01", "qm/noquorum-snapshot")
        hold(nodes, "pve01", "pvesr/noquorum-status")
        assert nodes.run("pve01", "qm rollback 100 safe")[0] == 255
        assert nodes.out("pve01", "qm status 100") == "status: stopped\n"

    def test_a_missing_volume(self, nodes: Shell) -> None:
        machine(nodes, 100)
        nodes.out("pve01", HURRY.format(HASTE / 5))
        nodes.out("pve01", "zfs destroy rpool/data/vm-100-disk-0")
        code, _, err = nodes.run("pve01", "qm start 100", timeout=120)
        assert (code, err) == (
            255,
            "timeout: no zvol device link for 'vm-100-disk-0' found after 300 sec.\n",
        )


def test_destroying_a_guest_frees_its_volumes(nodes: Shell) -> None:
    machine(nodes, 100)
    nodes.out("pve01", "qm set 100 --scsi1 local-zfs:1 && qm set 100 --delete scsi1 && qm snapshot 100 one")
    assert "unused0: local-zfs:vm-100-disk-1" in nodes.out("pve01", "qm config 100")
    nodes.out("pve01", "qm destroy 100")
    assert nodes.out("pve01", "zfs list -Ho name") == "rpool\nrpool/data\n"


def test_a_volume_survives_its_nodes_death(nodes: Shell, lab: Lab) -> None:
    disk = machine(nodes, 300, "pve03")
    nodes.out("pve03", f"echo kept > {disk}")
    lab.kill("pve03")
    lab.start("pve03")
    lab.settle()
    assert nodes.until("pve03", f"cat {disk}") == "kept\n"

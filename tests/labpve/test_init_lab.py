"""PID 1 of a node: services, timers, transient units and the journal, as operators and testinfra use them."""

from __future__ import annotations

import json
import re

import pytest

from tests.labpve.holding import Shell

pytestmark = pytest.mark.lab


class TestServices:
    def test_what_a_node_runs(self, shell: Shell) -> None:
        # the last to come up: its start puts this node's keys into a cluster that must have formed
        shell.until("pve01", "systemctl is-active pveproxy")
        assert shell.run("pve01", "systemctl is-active ssh corosync pve-cluster pveproxy") == (0, "active\n" * 4, "")
        assert shell.out("pve01", "systemctl is-system-running") == "running\n"

    @pytest.mark.parametrize(
        ("command", "code", "out"),
        [
            ("is-active corosync", 0, "active\n"),
            ("is-active corosync-qdevice", 3, "inactive\n"),
            ("is-active nosuch", 4, "inactive\n"),
            ("is-enabled corosync", 0, "enabled\n"),
            ("is-enabled corosync-qdevice", 1, "disabled\n"),
            ("is-enabled sshd", 0, "alias\n"),
            ("status nosuch", 4, ""),
            ("start nosuch", 5, ""),
            ("stop nosuch", 5, ""),
            ("frobnicate", 1, ""),
        ],
    )
    def test_exit_codes(self, shell: Shell, command: str, code: int, out: str) -> None:
        assert shell.run("pve01", f"systemctl {command}")[:2] == (code, out)

    def test_stopping_and_starting(self, shell: Shell) -> None:
        shell.out("pve01", "systemctl stop pvestatd")
        code, out, _ = shell.run("pve01", "systemctl status pvestatd")
        assert code == 3
        assert "Active: inactive (dead)" in out
        shell.out("pve01", "systemctl start pvestatd")
        assert "Active: active (exited)" in shell.out("pve01", "systemctl status pvestatd")

    def test_restarting_gives_another_process(self, shell: Shell) -> None:
        pid = shell.out("pve01", "systemctl show corosync -p MainPID --value")
        shell.out("pve01", "systemctl restart corosync")
        assert shell.out("pve01", "systemctl show corosync -p MainPID --value") != pid

    def test_enabling_lasts(self, shell: Shell) -> None:
        shell.out("pve01", "systemctl disable pvestatd")
        assert shell.run("pve01", "systemctl is-enabled pvestatd")[0] == 1
        shell.out("pve01", "systemctl enable pvestatd")
        assert shell.run("pve01", "systemctl is-enabled pvestatd")[0] == 0

    def test_masking_prevents_starting(self, shell: Shell) -> None:
        shell.out("pve01", "systemctl stop pvestatd && systemctl mask pvestatd")
        code, _, err = shell.run("pve01", "systemctl start pvestatd")
        assert (code, err) == (1, "Failed to start pvestatd.service: Unit pvestatd.service is masked.\n")
        shell.out("pve01", "systemctl unmask pvestatd && systemctl start pvestatd")

    def test_properties(self, shell: Shell) -> None:
        out = shell.out("pve01", "systemctl show corosync -p ActiveState,SubState,LoadState,UnitFileState,Result")
        assert dict(line.split("=", 1) for line in out.splitlines()) == {
            "ActiveState": "active",
            "SubState": "running",
            "LoadState": "loaded",
            "UnitFileState": "enabled",
            "Result": "success",
        }
        assert shell.out("pve01", "systemctl show nosuch -p LoadState --value") == "not-found\n"

    def test_a_failing_start_says_so(self, shell: Shell) -> None:
        unit = "[Service]\\nType=oneshot\\nExecStart=/bin/false\\n"
        shell.out("pve01", f"printf '{unit}' > /etc/systemd/system/bad.service && systemctl daemon-reload")
        code, _, err = shell.run("pve01", "systemctl start bad")
        assert code == 1
        assert "Job for bad.service failed because the control process exited with error code." in err
        assert shell.run("pve01", "systemctl is-failed bad")[:2] == (0, "failed\n")
        assert shell.out("pve01", "systemctl list-units --failed --no-legend").split()[0] == "bad.service"
        shell.out("pve01", "systemctl reset-failed bad; rm /etc/systemd/system/bad.service")

    def test_a_service_without_its_condition_is_skipped(self, shell: Shell) -> None:
        shell.out("pve03", "systemctl stop corosync; mv /etc/corosync/corosync.conf /root/ && systemctl start corosync")
        assert shell.run("pve03", "systemctl is-active corosync")[1] == "inactive\n"
        assert "unmet condition check" in shell.out("pve03", "journalctl -u corosync -o cat -n 1")
        shell.out("pve03", "mv /root/corosync.conf /etc/corosync/ && systemctl start corosync")

    def test_a_unit_file_of_ones_own_survives_a_reboot(self, shell: Shell) -> None:
        unit = "[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n"
        shell.out("pve03", f"printf '{unit}' > /etc/systemd/system/mine.service && systemctl enable --now mine")
        shell.lab.kill("pve03")
        shell.lab.start("pve03")
        shell.until("pve03", "systemctl is-active mine")
        shell.out("pve03", "systemctl disable --now mine && rm /etc/systemd/system/mine.service")


class TestTransientUnits:
    def test_a_timer_fires(self, shell: Shell) -> None:
        start = "rm -f /tmp/fired; systemd-run --on-active=3 --unit=later --collect touch /tmp/fired"
        assert shell.out("pve01", f"{start}; systemctl is-active later.timer") == "active\n"
        shell.until("pve01", "test -e /tmp/fired")
        shell.until("pve01", "! systemctl is-active later.timer later.service")

    def test_a_stopped_timer_does_not(self, shell: Shell) -> None:
        start = "rm -f /tmp/fired; systemd-run --on-active=3 --unit=never --collect touch /tmp/fired"
        shell.out("pve01", f"{start}; systemctl stop never.timer")
        shell.out("pve01", "systemd-run --on-active=3500ms --unit=after --collect touch /tmp/after")
        shell.until("pve01", "test -e /tmp/after")
        assert not shell.ok("pve01", "test -e /tmp/fired")
        assert shell.run("pve01", "systemctl stop never.timer") == (
            5,
            "",
            "Failed to stop never.timer: Unit never.timer not loaded.\n",
        )

    def test_a_timer_of_an_instant_survives_a_reboot(self, shell: Shell) -> None:
        timer = "[Timer]\\nOnCalendar=@$(($(date +%s) + 3))\\nPersistent=true\\n[Install]\\nWantedBy=timers.target\\n"
        service = "[Service]\\nType=oneshot\\nExecStart=/usr/bin/touch /root/fired\\n"
        shell.out("pve03", f'cd /etc/systemd/system; printf "{timer}" > t.timer; printf "{service}" > t.service')
        shell.out("pve03", "systemctl enable --now t.timer && systemctl is-active t.timer")
        shell.lab.kill("pve03")
        shell.lab.start("pve03")
        shell.until("pve03", "test -e /root/fired")
        shell.out("pve03", "rm /root/fired")
        shell.lab.kill("pve03")
        shell.lab.start("pve03")
        shell.until("pve03", "systemctl is-active t.timer pve-cluster ssh")
        assert not shell.ok("pve03", "test -e /root/fired"), "it fires once, not at every boot"
        shell.out("pve03", "systemctl disable --now t.timer; rm /etc/systemd/system/t.*")

    def test_timers_are_listed(self, shell: Shell) -> None:
        shell.out("pve01", "systemd-run --on-active=100 --unit=listed --collect true")
        assert "listed.timer" in shell.out("pve01", "systemctl list-timers")
        shell.out("pve01", "systemctl stop listed.timer")

    def test_waiting_gives_the_exit_status(self, shell: Shell) -> None:
        assert shell.run("pve01", "systemd-run -q --wait --collect sh -c 'exit 7'") == (7, "", "")

    def test_a_pipe_carries_input_and_output(self, shell: Shell) -> None:
        code, out, err = shell.run("pve01", "echo text | systemd-run -q --pipe --wait --collect cat; echo x >&2")
        assert (code, out, err) == (0, "text\n", "x\n")

    def test_a_running_name_is_taken(self, shell: Shell) -> None:
        shell.out("pve01", "systemd-run --unit=mine --collect sleep 100")
        code, _, err = shell.run("pve01", "systemd-run --unit=mine --collect true")
        assert code == 1
        assert "Unit mine.service was already loaded" in err
        shell.out("pve01", "systemctl stop mine")
        assert shell.run("pve01", "systemctl is-active mine")[0] == 4

    def test_a_failed_unit_stays_until_collected(self, shell: Shell) -> None:
        shell.run("pve01", "systemd-run -q --wait --unit=failing false")
        assert shell.out("pve01", "systemctl show failing -p ActiveState,Result,ExecMainStatus").splitlines() == [
            "Result=exit-code",
            "ExecMainStatus=1",
            "ActiveState=failed",
        ]
        shell.out("pve01", "systemctl reset-failed failing")
        assert shell.run("pve01", "systemctl is-active failing")[0] == 4

    def test_time_runs_out(self, shell: Shell) -> None:
        shell.run("pve01", "systemd-run -q --wait --unit=long -p RuntimeMaxSec=300ms sleep 100")
        assert shell.out("pve01", "systemctl show long -p Result --value") == "timeout\n"
        shell.out("pve01", "systemctl reset-failed long")

    def test_it_outlives_the_session_that_started_it(self, shell: Shell) -> None:
        shell.out("pve01", "ssh -o BatchMode=yes pve02 systemd-run -q --unit=outlives --collect sleep 100")
        assert shell.out("pve02", "systemctl is-active outlives") == "active\n"
        shell.out("pve02", "systemctl stop outlives")


class TestJournal:
    def test_what_a_service_prints_is_in_it(self, shell: Shell) -> None:
        shell.run("pve01", "systemd-run -q --wait --unit=talks sh -c 'echo out; echo err >&2'")
        lines = shell.out("pve01", "journalctl -u talks -o cat").splitlines()
        assert {"out", "err", "Started talks.service - sh -c echo out; echo err >&2."} <= set(lines)

    def test_logger_writes_to_it(self, shell: Shell) -> None:
        shell.out("pve01", "logger -t mytag 'a line'")
        line = shell.until("pve01", "journalctl -t mytag -o short-iso -q | grep 'a line'")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d pve01 mytag\[?\d*\]?: a line\n", line)

    def test_since_an_instant(self, shell: Shell) -> None:
        now = shell.out("pve01", "date +%s.%N").strip()
        shell.out("pve01", "logger -t since later")
        shell.until("pve01", f"journalctl --since=@{now} -t since -o cat -q | grep later")
        assert "Started" not in shell.out("pve01", f"journalctl --since @{now} -u ssh -o cat")

    def test_corosync_and_pmxcfs_have_theirs(self, shell: Shell) -> None:
        assert "[MAIN  ] Corosync Cluster Engine" in shell.out("pve01", "journalctl -u corosync -o cat")
        both = shell.out("pve01", "journalctl -u corosync -u pve-cluster -o cat --no-pager")
        assert "[dcdb] notice: all data is up to date" in both
        assert "[QUORUM] Members[3]: 1 2 3" in both

    def test_json(self, shell: Shell) -> None:
        records = [json.loads(line) for line in shell.out("pve01", "journalctl -u corosync -n 2 -o json").splitlines()]
        assert len(records) == 2
        assert all(record["_SYSTEMD_UNIT"] == "corosync.service" for record in records)
        assert all(record["__REALTIME_TIMESTAMP"].isdigit() for record in records)

    def test_each_boot_has_its_own_id_and_records(self, shell: Shell) -> None:
        before = shell.out("pve03", "cat /proc/sys/kernel/random/boot_id")
        assert before != shell.out("pve02", "cat /proc/sys/kernel/random/boot_id")
        shell.out("pve03", "logger -t boots earlier")
        shell.until("pve03", "journalctl -t boots -q | grep earlier")
        shell.lab.kill("pve03")
        shell.lab.start("pve03")
        shell.lab.settle()
        assert shell.out("pve03", "cat /proc/sys/kernel/random/boot_id") != before
        assert shell.out("pve03", "journalctl -b -t boots") == "-- No entries --\n"
        assert "earlier" in shell.out("pve03", "journalctl -b -1 -t boots")

    def test_grep_finds_nothing_with_exit_code_one(self, shell: Shell) -> None:
        assert shell.run("pve01", "journalctl -u ssh -g nothing-like-this") == (1, "-- No entries --\n", "")


class TestGuestProcesses:
    def test_a_running_machine_is_a_process_of_its_own(self, shell: Shell) -> None:
        shell.out("pve01", "qm create 800 --name eight --memory 16 && qm start 800")
        pid = shell.out("pve01", "cat /run/qemu-server/800.pid").strip()
        command = shell.out("pve01", f"tr '\\0' ' ' < /proc/{pid}/cmdline")
        assert command.startswith("/usr/bin/kvm -id 800 -name eight,debug-threads=on ")
        assert shell.out("pve01", f"cat /proc/{pid}/comm") == "kvm\n"
        assert shell.out("pve01", "systemctl is-active 800.scope") == "active\n"
        shell.out("pve01", "qm stop 800 && qm destroy 800")
        assert not shell.ok("pve01", f"test -d /proc/{pid}")

    def test_a_machine_whose_configuration_went_is_a_ghost(self, shell: Shell) -> None:
        shell.out("pve01", "qm create 801 --memory 16 && qm start 801")
        shell.out("pve01", "mv /etc/pve/nodes/pve01/qemu-server/801.conf /etc/pve/nodes/pve02/qemu-server/")
        pid = shell.out("pve01", "cat /run/qemu-server/801.pid").strip()
        assert "801" not in shell.out("pve01", "qm list")
        assert shell.run("pve01", "qm stop 801")[0] == 255
        assert shell.ok("pve01", f"test -d /proc/{pid}")
        shell.out("pve01", "systemctl stop 801.scope")
        assert not shell.ok("pve01", f"test -d /proc/{pid}")
        shell.out("pve02", "qm destroy 801")

    def test_a_ghost_quits_when_its_monitor_is_told(self, shell: Shell) -> None:
        shell.out("pve01", "qm create 802 --memory 16 && qm start 802")
        quit_ = (
            "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/qemu-server/802.qmp'); s.recv(999); "
            's.sendall(b\'{\\"execute\\": \\"quit\\"}\\n\'); print(s.recv(999))'
        )
        assert "return" in shell.until("pve01", f'python3 -c "{quit_}"')
        shell.until("pve01", "qm status 802 | grep stopped")
        shell.out("pve01", "qm destroy 802")

    def test_a_running_container_is_a_process_of_its_own(self, shell: Shell) -> None:
        shell.out("pve01", "pct create 803 local:vztmpl/x.tar.gz --hostname three && pct start 803")
        assert shell.out("pve01", "pct status 803") == "status: running\n"
        assert shell.out("pve01", "pgrep -cf '/usr/bin/lxc-start -F -n 803'").strip() != "0"
        assert shell.out("pve01", "systemctl is-active pve-container@803") == "active\n"
        shell.out("pve01", "pct stop 803 && pct destroy 803")

    def test_guests_die_with_their_node(self, shell: Shell) -> None:
        shell.out("pve03", "qm create 804 --memory 16 && qm start 804")
        shell.lab.kill("pve03")
        shell.lab.start("pve03")
        assert shell.until("pve03", "qm status 804") == "status: stopped\n"
        shell.lab.settle()
        shell.out("pve03", "qm destroy 804")


@pytest.mark.parametrize("command", ["qm list", "pveversion", "systemctl is-active ssh", "pct list"])
def test_commands_start_fast(shell: Shell, command: str) -> None:
    """Far below the genuine ones' 0.7 s; the best of five, as the machine may be busy."""
    script = (
        f"for i in 1 2 3 4 5; do s=$(date +%s%N); {command} >/dev/null; e=$(date +%s%N); echo $(((e-s)/1000000)); done"
    )
    times = [int(line) for line in shell.out("pve01", script).split()]
    assert min(times) < 250

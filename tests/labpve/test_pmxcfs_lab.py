"""/etc/pve on real nodes over real corosync: partitions, deaths, restarts, and what becomes of corosync.conf."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.labpve.holding import Shell

pytestmark = pytest.mark.lab

WRITABLE = "[ $(stat -c %A /etc/pve/local) = lrwxr-xr-x ] && touch /etc/pve/probe-$(uname -n)"
READ_ONLY = "[ $(stat -c %A /etc/pve/local) = lr-xr-xr-x ]"
ALL = ("pve01", "pve02", "pve03")


def version(shell: Shell, node: str, path: str = "/etc/corosync/corosync.conf") -> int:
    return int(shell.out(node, f"sed -n 's/.*config_version: //p' {path}"))


def bumped(shell: Shell, by: int, *, extra: str = "") -> int:
    """Write the present corosync.conf with another version to /root/new on pve01; return that version."""
    wanted = version(shell, "pve01") + by
    shell.out(
        "pve01", f"sed 's/config_version: .*/config_version: {wanted}/{extra}' /etc/pve/corosync.conf > /root/new"
    )
    return wanted


APPLY = "cp /root/new /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf"


class TestReplication:
    def test_a_write_is_on_every_node_when_it_returns_there(self, shell: Shell) -> None:
        shell.out("pve02", "echo text > /etc/pve/f")
        for node in ALL:
            assert shell.until(node, "grep text /etc/pve/f") == "text\n"

    def test_one_lock_has_one_holder(self, shell: Shell) -> None:
        shell.out("pve01", "mkdir /etc/pve/priv/lock/test")
        code, _, err = shell.run("pve02", "mkdir /etc/pve/priv/lock/test")
        assert code == 1
        assert "File exists" in err
        assert not shell.ok("pve02", "touch /etc/pve/priv/lock/test")
        shell.out("pve01", "touch /etc/pve/priv/lock/test && rmdir /etc/pve/priv/lock/test")

    def test_asking_does_not_take_a_fresh_lock_away(self, shell: Shell) -> None:
        shell.out("pve01", "mkdir /etc/pve/priv/lock/test")
        shell.out("pve02", "touch -d @0 /etc/pve/priv/lock/test")
        assert shell.ok("pve03", "test -d /etc/pve/priv/lock/test")
        shell.out("pve01", "rmdir /etc/pve/priv/lock/test")

    def test_truncating_and_appending(self, shell: Shell) -> None:
        shell.out("pve01", "echo long-text > /etc/pve/f; echo x > /etc/pve/f; echo y >> /etc/pve/f")
        assert shell.out("pve01", "cat /etc/pve/f") == "x\ny\n"
        shell.out("pve01", "truncate -s 1 /etc/pve/f")
        assert shell.out("pve01", "cat /etc/pve/f") == "x"

    @pytest.mark.parametrize(
        ("command", "error"),
        [
            ("chmod 0644 /etc/pve/storage.cfg", "Operation not permitted"),
            ("chown www-data /etc/pve/storage.cfg", "Operation not permitted"),
            ("ln -s x /etc/pve/y", "Function not implemented"),
            ("echo x > /etc/pve/.members", "Permission denied"),
            ("rmdir /etc/pve/nodes", "Directory not empty"),
            ("mv /etc/pve/nodes/pve01 /etc/pve/nodes/other", "Directory not empty"),
            ("head -c 1048577 /dev/zero > /etc/pve/big", "File too large"),
        ],
    )
    def test_what_is_never_allowed(self, shell: Shell, command: str, error: str) -> None:
        code, _, err = shell.run("pve01", command)
        assert code != 0
        assert error in err
        shell.run("pve01", "rm -f /etc/pve/big")

    def test_modes_follow_from_the_path(self, shell: Shell) -> None:
        shell.out(
            "pve01", "echo x > /etc/pve/priv/f; echo x > /etc/pve/f; chmod 0600 /etc/pve/priv/f; chmod 0640 /etc/pve/f"
        )
        shown = shell.out(
            "pve01", "cd /etc/pve; stat -c '%A %U:%G' priv priv/f f nodes .members local/priv; rm priv/f f"
        )
        assert shown.splitlines() == [
            "drwx------ root:www-data",
            "-rw------- root:www-data",
            "-rw-r----- root:www-data",
            "drwxr-xr-x root:www-data",
            "-r--r----- root:www-data",
            "drwx------ root:www-data",
        ]

    def test_every_node_has_its_directories_and_keys(self, shell: Shell) -> None:
        wanted = {"lxc", "openvz", "priv", "qemu-server", "ssh_known_hosts"}
        for node in ALL:
            # Certificates and the agent's status come when they are made.
            shell.until("pve02", f"test -s /etc/pve/nodes/{node}/ssh_known_hosts")
            assert wanted <= set(shell.out("pve02", f"ls /etc/pve/nodes/{node}").split())
            shell.until("pve02", f"grep root@{node} /etc/pve/priv/authorized_keys")

    def test_nodes_reach_each_other_over_ssh(self, shell: Shell) -> None:
        reached = shell.until("pve01", "ssh -o BatchMode=yes pve03 uname -n")
        assert reached == "pve03\n"


class TestPartitions:
    def test_an_isolated_node_keeps_its_view_until_it_is_back(self, shell: Shell) -> None:
        shell.out("pve01", "echo before > /etc/pve/view")
        shell.until("pve03", "grep before /etc/pve/view")
        shell.lab.cut("pve03")
        shell.until("pve03", READ_ONLY)
        shell.until("pve01", WRITABLE)
        shell.out("pve01", "echo after > /etc/pve/view && qm create 700 --memory 16")
        assert shell.out("pve03", "cat /etc/pve/view") == "before\n"
        assert '"700"' not in shell.out("pve03", "cat /etc/pve/.vmlist")
        shell.lab.heal("pve03")
        shell.until("pve03", "grep after /etc/pve/view")
        assert '"700": { "node": "pve01"' in shell.out("pve03", "cat /etc/pve/.vmlist")
        shell.until("pve03", WRITABLE)
        shell.out("pve03", "rm /etc/pve/nodes/pve01/qemu-server/700.conf")

    def test_the_online_map_follows_the_membership(self, shell: Shell) -> None:
        shell.lab.cut("pve03")
        shell.until("pve01", """grep -q '"pve03": { "id": 3, "online": 0' /etc/pve/.members""")
        shell.until("pve03", """grep -c '"online": 0' /etc/pve/.members | grep -q 2""")
        shell.lab.heal("pve03")
        shell.until("pve01", """! grep -q '"online": 0' /etc/pve/.members""")

    def test_writes_under_expected_one_win_by_their_number(self, shell: Shell) -> None:
        """The trap of reference §4.3: a minority that was made to write more than the majority rolls it back."""
        shell.lab.cut("pve03")
        shell.until("pve03", READ_ONLY)
        shell.out("pve01", "echo majority > /etc/pve/merge")
        shell.out("pve03", "pvecm expected 1")
        shell.until("pve03", WRITABLE)
        shell.out("pve03", "for i in $(seq 20); do echo minority$i > /etc/pve/merge; done")
        shell.lab.heal("pve03")
        for node in ALL:
            shell.until(node, "grep minority20 /etc/pve/merge")


class TestDeaths:
    def test_a_killed_node_comes_back_with_what_it_missed(self, shell: Shell) -> None:
        shell.lab.kill("pve03")
        shell.until("pve01", """grep -q '"pve03": { "id": 3, "online": 0' /etc/pve/.members""")
        shell.out("pve01", "echo missed > /etc/pve/missed")
        shell.lab.start("pve03")
        shell.lab.settle()
        assert shell.out("pve03", "cat /etc/pve/missed") == "missed\n"

    def test_a_node_alone_shows_what_it_had_when_it_died(self, shell: Shell) -> None:
        shell.out("pve01", "echo kept > /etc/pve/kept")
        for node in ALL:
            shell.until(node, "test -e /etc/pve/kept")
        for node in ALL:
            shell.lab.kill(node)
        shell.lab.start("pve02")
        assert shell.until("pve02", "mountpoint -q /etc/pve && cat /etc/pve/kept") == "kept\n"
        assert shell.ok("pve02", READ_ONLY)
        assert not shell.ok("pve02", "touch /etc/pve/x")

    def test_a_killed_pmxcfs_is_started_and_mounted_again(self, shell: Shell) -> None:
        shell.out("pve02", "kill -9 $(cat /run/pve-cluster.pid)")
        shell.until("pve02", WRITABLE)
        assert "Scheduled restart job" in shell.out("pve02", "journalctl -u pve-cluster -o cat")
        assert shell.out("pve02", "mount | grep -c ' on /etc/pve '") == "1\n"

    def test_a_hung_pmxcfs_answers_nobody_and_goes_on(self, shell: Shell) -> None:
        shell.lab.hang("pve02")
        assert shell.run("pve02", "timeout -s KILL 1 cat /etc/pve/.members")[0] == 137
        assert shell.run("pve02", "timeout -s KILL 1 qm list")[0] == 137
        assert shell.ok("pve02", "timeout 5 corosync-quorumtool -s")
        shell.lab.unhang("pve02")
        shell.until("pve02", WRITABLE)

    def test_stopping_leaves_the_bare_directory(self, shell: Shell) -> None:
        shell.out("pve02", "systemctl stop pve-cluster")
        assert not shell.ok("pve02", "mountpoint -q /etc/pve")
        assert shell.out("pve02", "ls -A /etc/pve; ls /run/pve-cluster.pid 2>/dev/null | wc -l") == "0\n"
        shell.until("pve01", """grep -q '"pve02": { "id": 2, "online": 0' /etc/pve/.members""")
        shell.out("pve02", "systemctl start pve-cluster")
        shell.until("pve02", WRITABLE)

    def test_restarting_corosync_costs_that_node_its_writes_for_a_while(self, shell: Shell) -> None:
        shell.out("pve03", "systemctl restart corosync")
        assert shell.ok("pve03", READ_ONLY)
        shell.out("pve01", "touch /etc/pve/others-go-on")
        shell.until("pve03", WRITABLE)

    def test_restarting_corosync_everywhere_at_once(self, shell: Shell) -> None:
        for node in ALL:
            shell.out(node, "systemctl restart corosync & sleep 0")
        for node in ALL:
            shell.until(node, "corosync-quorumtool -s | grep -q 'Total votes: *3' && " + WRITABLE, seconds=60)

    def test_local_mode_is_writable_and_alone(self, shell: Shell) -> None:
        shell.out("pve03", "systemctl stop pve-cluster corosync && pmxcfs -l")
        assert shell.ok("pve03", "touch /etc/pve/local-only")
        shell.out("pve03", "rm /etc/pve/local-only; kill $(cat /run/pve-cluster.pid)")
        shell.until("pve03", "! mountpoint -q /etc/pve")


class TestCorosyncConf:
    def test_a_higher_version_reaches_every_node_and_is_loaded(self, shell: Shell) -> None:
        wanted = bumped(shell, 1)
        before = time.monotonic()
        shell.out("pve01", APPLY)
        assert time.monotonic() - before > 1.0, "the writer waits a second for the reload, as measured"
        for node in ALL:
            assert version(shell, node) == wanted
            assert shell.ok(node, "cmp /etc/pve/corosync.conf /etc/corosync/corosync.conf")
            assert shell.out(node, "corosync-cmapctl -g totem.config_version").split()[-1] == str(wanted)
            shell.until(node, f'grep -q \'"version": {wanted}, "nodes": 3\' /etc/pve/.members')
        log = shell.out("pve02", "journalctl -u pve-cluster -o cat")
        assert f"[dcdb] notice: wrote new corosync config '/etc/corosync/corosync.conf' (version = {wanted})" in log
        assert f"[status] notice: update cluster info (cluster name  lab, version = {wanted})" in log

    def test_the_same_version_is_taken(self, shell: Shell) -> None:
        present = bumped(shell, 0, extra="; s/^logging {/# mark\\n&/")
        shell.out("pve01", APPLY)
        assert version(shell, "pve02") == present
        assert shell.out("pve02", "grep -c '# mark' /etc/corosync/corosync.conf") == "1\n"
        bumped(shell, 1, extra="; /^# mark/d")
        shell.out("pve01", APPLY)

    def test_a_lower_version_is_refused_in_the_journal_alone(self, shell: Shell) -> None:
        present = version(shell, "pve01")
        bumped(shell, -1)
        shell.out("pve01", APPLY)
        assert [version(shell, node) for node in ALL] == [present] * 3
        assert not shell.ok("pve02", "cmp /etc/pve/corosync.conf /etc/corosync/corosync.conf")
        assert "local corosync.conf is newer" in shell.out("pve03", "journalctl -u pve-cluster -o cat -n 5")
        bumped(shell, 1)
        shell.out("pve01", APPLY)

    def test_nonsense_is_carried_over_and_the_reload_fails(self, shell: Shell) -> None:
        wanted = bumped(shell, 1, extra="; s/^totem {/totem {{/")
        shell.out("pve01", APPLY)
        assert version(shell, "pve02") == wanted
        assert shell.out("pve01", "corosync-cmapctl -g totem.config_version").split()[-1] == str(wanted - 1)
        bumped(shell, 1, extra="; s/^totem {{/totem {/")
        shell.out("pve01", APPLY)
        assert shell.out("pve01", "corosync-cmapctl -g totem.config_version").split()[-1] == str(wanted + 1)

    def test_a_node_that_was_away_gets_the_file_when_its_pmxcfs_is_back(self, shell: Shell) -> None:
        shell.out("pve03", "systemctl stop pve-cluster")
        wanted = bumped(shell, 1)
        shell.out("pve01", APPLY)
        assert version(shell, "pve03") == wanted - 1
        shell.out("pve03", "systemctl start pve-cluster")
        shell.until("pve03", f"grep -q 'config_version: {wanted}' /etc/corosync/corosync.conf")

    def test_a_lost_database_is_made_from_the_local_file_and_the_other_nodes(self, shell: Shell) -> None:
        shell.out("pve01", "echo shared > /etc/pve/shared")
        shell.out("pve03", "systemctl stop pve-cluster && rm /var/lib/pve-cluster/config.db*")
        shell.out("pve03", "systemctl start pve-cluster")
        assert shell.until("pve03", "cat /etc/pve/shared") == "shared\n"


def test_the_database_is_what_operators_look_into(shell: Shell) -> None:
    query = "import sqlite3; print(sqlite3.connect('/var/lib/pve-cluster/config.db').execute('{}').fetchone()[0])"
    shell.out("pve01", "echo x > /etc/pve/f && rm /etc/pve/f")
    versions = {shell.out(node, f'python3 -c "{query.format("select max(version) from tree")}"') for node in ALL}
    assert len(versions) == 1
    name = shell.out("pve01", f'python3 -c "{query.format("select name from tree where inode = 0")}"')
    assert name == "__version__\n"


def test_the_cluster_log_is_everywhere(shell: Shell) -> None:
    shell.out("pve01", "qm create 701 --memory 16 && qm start 701 && qm stop 701 && qm destroy 701")
    line = shell.until("pve03", "grep 'starting task .*:qmstart:701:' /etc/pve/.clusterlog")
    assert re.fullmatch(
        r'\{"uid": \d+, "time": \d+, "pri": 6, "tag": "qm", "pid": \d+, "node": "pve01", '
        r'"user": "root@pam", "msg": "starting task UPID:pve01:[0-9A-F:]+:qmstart:701:root@pam:"\},?\n',
        line,
    )


class TestBrokenEdit:
    """Recipe B9: an edit that takes every link away, and the fallback that heals it from the local files."""

    @pytest.fixture
    def broken(self, shell: Shell) -> Iterator[int]:
        """Every node is alone on a link that leads nowhere; gives the version before."""
        before = version(shell, "pve01")
        for number, node in enumerate(ALL, 1):
            shell.out(node, f"ip addr add 10.81.0.{number}/24 dev lo")
            shell.out(
                node, f"sed 's/config_version: .*/config_version: {before + 2}/' /etc/pve/corosync.conf > /root/old"
            )
        rings = "/ring1_addr/d; s/ring0_addr: .*\\.\\([0-9]*\\)$/ring2_addr: 10.81.0.\\1/"
        links = "/linknumber: 0/d; s/linknumber: 1/linknumber: 2/"
        edit = f"{rings}; {links}; s/config_version: .*/config_version: {before + 1}/"
        shell.out(
            "pve01", f"sed '{edit}' /etc/pve/corosync.conf | sed '/interface {{/{{N;/}}/d}}' > /root/new; {APPLY}"
        )
        yield before
        for number, node in enumerate(ALL, 1):
            shell.out(node, f"ip addr del 10.81.0.{number}/24 dev lo")

    def test_it_is_healed_by_the_local_files(self, shell: Shell, broken: int) -> None:
        for node in ALL:
            assert version(shell, node) == broken + 1
            assert "nodeid" not in shell.out(node, "corosync-cfgtool -n").partition("knet")[2], "no link is left"
            shell.until(node, READ_ONLY)
        assert not shell.ok("pve01", "cp /root/old /etc/pve/corosync.conf.new")

        for node in ALL:
            shell.out(node, "install -m 0644 /root/old /etc/corosync/corosync.conf && corosync-cfgtool -R")

        for node in ALL:
            shell.until(node, WRITABLE)
            # what the nodes share is still the broken edit, but the older one: nobody takes it over
            assert version(shell, node) == broken + 2
        assert version(shell, "pve02", "/etc/pve/corosync.conf") == broken + 1
        shell.out("pve01", "cp /root/old /root/new; " + APPLY)
        for node in ALL:
            assert version(shell, node, "/etc/pve/corosync.conf") == broken + 2

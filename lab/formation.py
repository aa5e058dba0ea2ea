"""Makes a cluster of the lab's machines: keys, corosync, quorum, sample guests. Every step is observed, not assumed."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

from lab import host, state
from lab.errors import LabError, TimedOut
from lab.machine import Machine
from lab.site import Site
from lab.spec import LINKS, SMALL, SSH_PORT, LabSpec

HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
_PAUSE = 0.1
_JOIN_PER_NODE = 16
_CLUSTER = "corosync-quorumtool -s && corosync-cfgtool -n"
_VOTES = re.compile(r"^Total votes:\s+(\d+)", re.MULTILINE)
_WRITABLE = """
mountpoint -q /etc/pve || exit 1
probe=/etc/pve/nodes/$(uname -n)/lab-probe
: > "$probe" && rm "$probe"
"""


def corosync_conf(spec: LabSpec, *, version: int = 1) -> str:
    """The corosync.conf of the whole lab, laid out as ``pvecm create`` and ``pvecm add`` write it."""
    nodes = []
    for node in spec.members:
        rings = [f"    ring{link}_addr: {node.address(link)}" for link in LINKS]
        fields = [f"    name: {node.name}", f"    nodeid: {node.id}", "    quorum_votes: 1", *rings]
        nodes += ["  node {", *fields, "  }"]
    interfaces = [line for link in LINKS for line in ("  interface {", f"    linknumber: {link}", "  }")]
    # At corosync's own pace of 20 a second, the join messages of 32 nodes alone take all of two cores, for ever.
    join = [f"  join: {_JOIN_PER_NODE * spec.nodes}"] if spec.nodes > SMALL else []
    lines = [
        "logging {",
        "  debug: off",
        "  to_syslog: yes",
        "}",
        "",
        "nodelist {",
        *nodes,
        "}",
        "",
        "quorum {",
        "  provider: corosync_votequorum",
        "}",
        "",
        "totem {",
        f"  cluster_name: {state.CLUSTER_NAME}",
        f"  config_version: {version}",
        *interfaces,
        "  ip_version: ipv4-6",
        *join,
        "  link_mode: passive",
        "  secauth: on",
        f"  token: {spec.token_ms}",
        "  token_coefficient: 0",
        "  version: 2",
        "}",
        "",
    ]
    return "\n".join(lines) + "\n"


def make_identity(machine: Machine, folder: state.StateDir) -> str:
    """Make the key pair that opens every node, with the machine's own ssh-keygen; return the public half.

    Raises:
        LabError: ssh-keygen failed.
    """
    chroot = [host.tool("chroot", "coreutils"), str(machine.root)]
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", "/root/identity"]
    done = subprocess.run(
        [*chroot, *keygen], capture_output=True, text=True, timeout=30, env={"PATH": host.SEARCH_PATH}, check=False
    )
    if done.returncode != 0:
        raise LabError(f"ssh-keygen failed: {done.stderr.strip()}")
    private, public = machine.root / "root" / "identity", machine.root / "root" / "identity.pub"
    descriptor = os.open(folder.identity, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(private.read_text())
    key = public.read_text()
    folder.identity.with_suffix(".pub").write_text(key)
    private.unlink()
    public.unlink()
    return key.strip()


def install(site: Site, install_node: Callable[..., None], authorized_key: str, folder: state.StateDir) -> None:
    """Give every machine its name, its keys and its emulated commands, and write known_hosts and hosts.toml.

    Args:
        site: the lab; no machine has been started.
        install_node: ``install`` of ``lab.pve.install``.
        authorized_key: the public key that logs in as root.
        folder: where known_hosts and hosts.toml go.
    """

    def prepare(machine: Machine) -> str:
        install_node(machine.root, node=node_record(site.spec, machine, authorized_key))
        kind, key = (machine.root / f"{HOST_KEY}.pub").read_text().split()[:2]
        return f"{machine.spec.name} {kind} {key}\n"

    folder.known_hosts.write_text("".join(site.on_all(prepare)))
    folder.hosts_toml.write_text(state.hosts_toml_text(site.spec, site.bmc_fingerprint))


def node_record(spec: LabSpec, machine: Machine, authorized_key: str) -> dict[str, Any]:
    """What the emulated commands on a node know about it: the content of its ``node.json``."""
    return {
        "name": machine.spec.name,
        "id": machine.spec.id,
        "links": [machine.spec.address(link) for link in LINKS],
        "pve": spec.pve,
        "scale": spec.scale,
        "authorized_key": authorized_key,
        "date_skew": 0.0,
        "ping_ms": None,
        "ha_scale": spec.ha_scale,
        "spare": not spec.protects,
        "peers": [{"name": node.name, "links": [node.address(link) for link in LINKS]} for node in spec.members],
    }


def configure(site: Site) -> None:
    """Write the same corosync.conf and authkey to every disk."""
    key, conf = secrets.token_bytes(256), corosync_conf(site.spec)
    for machine in site.machines.values():
        folder = machine.root / "etc" / "corosync"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "corosync.conf").write_text(conf)
        (folder / "authkey").write_bytes(key)
        (folder / "authkey").chmod(0o400)


def wait_ready(site: Site, limit: float) -> None:
    """Wait until every node is what it should become, and its sshd answers.

    In a cluster that is: it sees all votes, all links connected. In any case it can write to /etc/pve.

    Args:
        site: the lab.
        limit: how many seconds it may take.

    Raises:
        LabError: it took too long; says which node lacks what.
    """
    end = time.monotonic() + limit
    for machine in site.machines.values():
        while lack := _lacking(machine, site.spec):
            if time.monotonic() > end:
                raise LabError(f"{machine.spec.name} {lack}")
            time.sleep(_PAUSE)


def _lacking(machine: Machine, spec: LabSpec) -> str:
    """What a node still lacks, or nothing."""
    try:
        return _looked_at(machine, spec)
    except TimedOut as error:
        return f"does not answer: {error}"


def _looked_at(machine: Machine, spec: LabSpec) -> str:
    if not spec.blank and (lack := lacking_membership(machine, spec.nodes)):
        return lack
    done = machine.run(["sh", "-c", _WRITABLE], timeout=30)
    if done.returncode != 0:
        return f"cannot write to /etc/pve: {done.stderr.decode(errors='replace').strip() or 'not mounted'}"
    return "" if _sshd_answers(machine) else "has no sshd that answers"


def lacking_votes(machine: Machine, nodes: int) -> str:
    """What a node lacks of a membership of so many, quorate or not; nothing where it sees all of them."""
    text = machine.run(["corosync-quorumtool", "-s"], timeout=20).stdout.decode(errors="replace")
    votes = _VOTES.search(text)
    return "" if votes and int(votes[1]) == nodes else f"sees {votes[1] if votes else 'no'} votes of {nodes}"


def lacking_membership(machine: Machine, nodes: int) -> str:
    """What a node lacks of its membership: votes or links; nothing where it has all."""
    text = machine.run(["sh", "-c", _CLUSTER], timeout=20).stdout.decode(errors="replace")
    votes = _VOTES.search(text)
    if "Quorate:          Yes" not in text or votes is None or int(votes[1]) != nodes:
        return f"sees {votes[1] if votes else 'no'} votes of {nodes}"
    connected = text.count("enabled connected")
    if connected != (nodes - 1) * len(LINKS):
        return f"has {connected} links connected of {(nodes - 1) * len(LINKS)}"
    return ""


def _sshd_answers(machine: Machine) -> bool:
    try:
        with socket.create_connection((machine.spec.address(0), SSH_PORT), timeout=5) as connection:
            return connection.recv(256).startswith(b"SSH-")
    except OSError:
        return False

"""Puts the emulated Proxmox VE userland into a node's root directory; runs on the host, before the node's PID 1."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .layout import DOMAIN
from .unit_texts import DISABLED, ENABLED, UNITS

LIB = "usr/lib/pvelab"
COMMANDS = ("systemctl", "journalctl", "systemd-run", "pmxcfs", "pvecm", "pveversion", "qm", "pct", "timedatectl")
STORAGE_COMMANDS = ("zfs", "zpool", "pvesm", "pvesr", "pvescheduler")
HA_COMMANDS = ("ha-manager", "pve-ha-crm", "pve-ha-lrm", "watchdog-mux")
# where Debian or PVE has them: a login that is not root's does not find these
IN_SBIN = ("qm", "pct", "zfs", "zpool", "pvesm", *HA_COMMANDS, "reboot", "poweroff", "halt", "shutdown")
MODULES = {
    "pmxcfs": "pmxcfs.main",
    "ha-manager": "ha.cli",
    "pve-ha-crm": "ha.start",
    "pve-ha-lrm": "ha.start",
    "watchdog-mux": "ha.start",
    "zfs": "zfs.main",
    "zpool": "zfs.zpool",
    "pvesr": "replication.pvesr",
    "pvescheduler": "replication.scheduler",
}

SSHD_CONFIG = """\
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
MaxStartups 200:30:400
MaxSessions 100
AcceptEnv LANG LC_*
HostKey /etc/ssh/ssh_host_ed25519_key
Subsystem sftp internal-sftp
"""

_SHIM = """\
#!/usr/bin/python3 -ISB
import sys

sys.path.insert(0, "/{lib}")
from lab.pve.{module} import main

sys.exit(main({arguments}))
"""

_compiled: dict[str, bytes] = {}
_compiling = threading.Lock()


def install(root: Path, *, node: dict[str, Any]) -> None:
    """Make a node of a Debian root file system.

    Args:
        root: the node's root directory, with Debian below or in it; written to.
        node: what becomes /etc/pvelab/node.json: `name`, `id`, `links`, `pve`, `scale`, `authorized_key`, `date_skew`,
            `ping_ms`; `peers`, a list of `{"name", "links"}` of every node of the lab, goes to /etc/hosts only.
    """
    peers = node.get("peers") or [node]
    _copy_package(root)
    _write(
        root / "etc/pvelab/node.json", json.dumps({key: value for key, value in node.items() if key != "peers"}) + "\n"
    )
    _write(root / "etc/hostname", f"{node['name']}\n")
    _write(root / "etc/machine-id", f"{uuid.uuid4().hex}\n")
    _write(root / "etc/hosts", _hosts(peers))
    _install_commands(root)
    _install_units(root)
    _install_ssh(root, node)
    (root / "etc/pve").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/pve-cluster").mkdir(parents=True, exist_ok=True)
    debian_conf = root / "etc/corosync/corosync.conf"
    if debian_conf.exists() and "cluster_name: debian" in debian_conf.read_text():
        debian_conf.rename(debian_conf.with_name("corosync.conf.debian-example"))


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _hosts(peers: Sequence[dict[str, Any]]) -> str:
    lines = [f"{peer['links'][0]} {peer['name']}.{DOMAIN} {peer['name']}" for peer in peers]
    return "\n".join(["127.0.0.1 localhost", *lines, ""])


def _copy_package(root: Path) -> None:
    """Copy our modules and mfusepy, with bytecode of the node's own python where it can be made from here."""
    import mfusepy

    here, target = Path(__file__).parent, root / LIB
    for path in sorted(here.rglob("*.py")):
        if path.name != "install.py":
            _write(target / "lab/pve" / path.relative_to(here), path.read_text())
    _write(target / "lab/__init__.py", "")
    _write(target / "main.py", (here / "main.py").read_text())
    _write(target / "mfusepy.py", Path(mfusepy.__file__).read_text())
    with _compiling:
        if not _compiled:
            _compile(root, target)
    for name, data in _compiled.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _compile(root: Path, target: Path) -> None:
    argv = ["/usr/bin/python3", "-I", "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    try:
        _in_root(root, [*argv, f"/{LIB}/lab", f"/{LIB}/mfusepy.py"])
    except (OSError, subprocess.SubprocessError):
        return  # no right to chroot, or Debian is not below yet: PID 1 compiles at its first start
    _compiled.update({str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*.pyc")})


def _install_commands(root: Path) -> None:
    commands = {name: (name, "sys.argv[1:]") for name in (*COMMANDS, *STORAGE_COMMANDS, *HA_COMMANDS)}
    commands |= {
        name: ("systemctl", f"[{name!r}, *sys.argv[1:]]") for name in ("reboot", "poweroff", "halt", "shutdown")
    }
    for name, (command, arguments) in commands.items():
        path = root / ("usr/sbin" if name in IN_SBIN else "usr/bin") / name
        text = _SHIM.format(lib=LIB, module=MODULES.get(command, command.replace("-", "_")), arguments=arguments)
        _write(path, text, 0o755)


def _install_units(root: Path) -> None:
    for name, text in UNITS.items():
        _write(root / "usr/lib/systemd/system" / name, text)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for name in DISABLED:
        (wants / name).unlink(missing_ok=True)
    for link in (root / "etc/systemd/system/timers.target.wants").glob("*.timer"):
        link.unlink()
    for name in ENABLED:
        link = wants / name
        if not link.is_symlink():
            link.symlink_to(f"/usr/lib/systemd/system/{name}")


def _install_ssh(root: Path, node: dict[str, Any]) -> None:
    """Host and user keys of this node's own, and PVE's links into /etc/pve."""
    ssh, home = root / "etc/ssh", root / "root/.ssh"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(ssh / "sshd_config", SSHD_CONFIG)
    for old in ssh.glob("ssh_host_*"):
        old.unlink()
    _keygen(root, "etc/ssh/ssh_host_ed25519_key", "ed25519", node["name"])
    if not (home / "id_rsa").exists():
        _keygen(root, "root/.ssh/id_rsa", "rsa", node["name"])
    links = (
        (home / "authorized_keys", "/etc/pve/priv/authorized_keys"),
        (ssh / "ssh_known_hosts", "/etc/pve/priv/known_hosts"),
    )
    for link, target in links:
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _keygen(root: Path, path: str, kind: str, name: str) -> None:
    """Make a key pair with the node's own ssh-keygen, as the host needs none."""
    size = ["-b", "2048"] if kind == "rsa" else []
    _in_root(root, ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", f"root@{name}", "-f", f"/{path}"])


def _in_root(root: Path, argv: Sequence[str]) -> None:
    """Run one of the node's programs with its root directory.

    Raises:
        OSError: chroot is not there.
        subprocess.SubprocessError: it failed, or we may not.
    """
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    chroot = shutil.which("chroot", path=path) or "chroot"
    command = [chroot, str(root), *argv]
    env = {"PATH": path, "LANG": "C.UTF-8"}
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=env)

"""Guests of a lab node: their configuration files, and the process that stands for a running one."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from . import client
from .cfs import CommandError, read_once
from .layout import ETC_PVE, LIB
from .process import PATH

PIDS = {"qemu": Path("/run/qemu-server"), "lxc": Path("/run/pvelab/lxc")}
START_SECONDS = 30.0
DIRECTORIES = {"qemu": "qemu-server", "lxc": "lxc"}
_DISK = re.compile(r"(?:ide|sata|scsi|virtio)\d+")
_SIZES = {"": 1 / 2**30, "K": 1 / 2**20, "M": 1 / 2**10, "G": 1.0, "T": 1024.0}


@dataclass(frozen=True, slots=True)
class Kind:
    """`qemu` or `lxc`, with what distinguishes them on the command line."""

    name: str
    word: str


QEMU, LXC = Kind("qemu", "VM"), Kind("lxc", "CT")


def node() -> str:
    """This node's name."""
    return os.uname().nodename


def path(kind: Kind, vmid: int) -> Path:
    """A guest's configuration file on this node, relative to /etc/pve."""
    return Path("nodes", node(), DIRECTORIES[kind.name], f"{vmid}.conf")


def owner(vmid: int) -> str | None:
    """The node that has a guest's configuration, of whatever kind."""
    import json

    entry = json.loads(read_once(ETC_PVE / ".vmlist"))["ids"].get(str(vmid))
    return entry["node"] if entry else None


def read(kind: Kind, vmid: int) -> dict[str, str]:
    """The options of a guest without its snapshots; FileNotFoundError when this node has no such guest."""
    options: dict[str, str] = {}
    description: list[str] = []
    for line in (ETC_PVE / path(kind, vmid)).read_text().splitlines():
        if line.startswith("["):
            break
        if line.startswith("#"):
            description.append(line[1:])
        elif ":" in line:
            key, _, value = line.partition(":")
            options[key.strip()] = value.strip()
    return ({"description": "%0A".join(description) + "%0A"} if description else {}) | options


def text(options: dict[str, str]) -> str:
    """A configuration file of these options, sorted as PVE sorts them."""
    return "".join(f"{key}: {options[key]}\n" for key in sorted(options))


def local(kind: Kind) -> list[int]:
    """The guests whose configuration is on this node."""
    directory = ETC_PVE / "nodes" / node() / DIRECTORIES[kind.name]
    return sorted(int(file.stem) for file in directory.glob("*.conf") if file.stem.isdigit())


def bootdisk_gib(options: dict[str, str]) -> float:
    """Size of the first disk of the boot order in GiB, 0 when there is none."""
    order = options.get("boot", "").partition("order=")[2].split(";")
    candidates = [name for name in order if name] or [options.get("bootdisk", "")]
    candidates += sorted(name for name in options if _DISK.fullmatch(name)) if not order[0] else []
    for name in candidates:
        value = options.get(name, "")
        match = re.search(r"size=(\d+(?:\.\d+)?)([KMGT]?)", value)
        if _DISK.fullmatch(name) and match and "media=cdrom" not in value:
            return float(match[1]) * _SIZES[match[2]]
    return 0.0


def pid(kind: Kind, vmid: int) -> int:
    """The process of a running guest, 0 when it does not run."""
    try:
        number = int((PIDS[kind.name] / f"{vmid}.pid").read_text())
        command = Path(f"/proc/{number}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return number if str(vmid).encode() in command.split(b"\0") else 0


def start(kind: Kind, vmid: int, options: dict[str, str]) -> None:
    """Start the process that stands for a guest, in a unit of its own under PID 1, like systemd's scopes."""
    script = LIB / "lab/pve/guest_process.py"
    pid_file = PIDS[kind.name] / f"{vmid}.pid"
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    shown = command(kind, vmid, options)
    # as many bytes of arguments as the process will show: it writes its own over them
    argv = ["kvm", "-ISB", str(script), kind.name, str(vmid)]
    room = sum(len(word.encode()) + 1 for word in shown) - sum(len(word) + 1 for word in argv) - 1
    argv.append("x" * max(room, 0))
    (pid_file.parent / f"{vmid}.qmp").unlink(missing_ok=True)
    number = _detached(argv, "\n".join(shown))
    _wait_shown(kind, vmid, number, shown[0])
    pid_file.write_text(f"{number}\n")
    name = f"{vmid}.scope" if kind is QEMU else f"pve-container@{vmid}.service"
    client.ask({"op": "adopt", "name": name, "pid": number})


def _wait_shown(kind: Kind, vmid: int, number: int, program: str) -> None:
    """Return once the process looks like a guest; a VM also answers on its monitor by then."""
    monitor = PIDS["qemu"] / f"{vmid}.qmp"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            shown = Path(f"/proc/{number}/cmdline").read_bytes().startswith(program.encode())
        except OSError:
            break
        if shown and (kind is LXC or monitor.exists()):
            return
        time.sleep(0.005)
    raise CommandError(f"start failed: the process of guest {vmid} did not come up")


def _detached(argv: list[str], shown: str) -> int:
    """Start it as a child of PID 1's, in a session of its own, without our standard streams."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
        env = {"PATH": PATH, "PVELAB_SHOWN": shown}
        number = os.posix_spawn("/usr/bin/python3", argv, env, file_actions=actions, setsid=True)
        os.write(writer, str(number).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        return int(pipe.read())


def command(kind: Kind, vmid: int, options: dict[str, str]) -> list[str]:
    """The command line a genuine guest's process shows."""
    if kind is LXC:
        return ["/usr/bin/lxc-start", "-F", "-n", str(vmid)]
    run, cores = "/var/run/qemu-server", options.get("cores", "1")
    return [
        "/usr/bin/kvm", "-id", str(vmid),
        "-name", f"{options.get('name', f'vm{vmid}')},debug-threads=on", "-no-shutdown",
        "-chardev", f"socket,id=qmp,path={run}/{vmid}.qmp,server=on,wait=off",
        "-mon", "chardev=qmp,mode=control", "-pidfile", f"{run}/{vmid}.pid", "-daemonize",
        "-smp", f"{cores},sockets=1,cores={cores},maxcpus={cores}",
        "-nodefaults", "-boot", "menu=on,strict=on,reboot-timeout=1000", "-m", options.get("memory", "512"),
    ]  # fmt: skip


def stop(kind: Kind, vmid: int, seconds: float = 10.0) -> None:
    """End a guest's process and wait until it has."""
    number = pid(kind, vmid)
    if not number:
        return
    os.kill(number, signal.SIGTERM)
    end = time.monotonic() + seconds
    while pid(kind, vmid):
        if time.monotonic() > end:
            os.kill(number, signal.SIGKILL)
            end += seconds
        time.sleep(0.02)
    (PIDS[kind.name] / f"{vmid}.pid").unlink(missing_ok=True)

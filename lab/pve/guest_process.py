"""What runs for a running guest: a process with a guest's command line; for a VM with a QMP socket that can `quit`."""

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path

PR_SET_NAME = 15
VERSION = {"QMP": {"version": {"qemu": {"micro": 13, "minor": 0, "major": 10}, "package": ""}, "capabilities": []}}


def show(words: list[str]) -> None:
    """Put other words where the kernel looks for this process's command line; there must be room for them."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    text = b"\0".join(word.encode() for word in words) + b"\0"
    ctypes.memmove(start, text[: end - start].ljust(end - start, b"\0"), end - start)
    ctypes.CDLL(None).prctl(PR_SET_NAME, words[0].rpartition("/")[2].encode(), 0, 0, 0)


def serve(path: Path) -> None:
    """Answer QMP until `quit`; clients come one after the other."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(4)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as stream:
            try:
                if _talk(stream):
                    return
            except (OSError, ValueError, AttributeError):
                continue


def _talk(stream: object) -> bool:
    def send(answer: object) -> None:
        stream.write(json.dumps(answer) + "\r\n")  # type: ignore[attr-defined]
        stream.flush()  # type: ignore[attr-defined]

    send(VERSION)
    for line in stream:  # type: ignore[attr-defined]
        if not line.strip():
            continue
        command = json.loads(line).get("execute")
        if command == "query-status":
            send({"return": {"status": "running", "running": True}})
        elif command in ("qmp_capabilities", "quit", "system_powerdown"):
            send({"return": {}})
        else:
            send({"error": {"class": "CommandNotFound", "desc": f"The command {command} has not been found"}})
        if command in ("quit", "system_powerdown"):
            return True
    return False


def main() -> None:
    """Stand for guest `VMID` of kind `qemu` or `lxc` until told to end."""
    kind, vmid = sys.argv[1:3]
    show(os.environ["PVELAB_SHOWN"].split("\n"))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    run = Path("/run/qemu-server")
    if kind != "qemu":
        # What a genuine lxc-start listens on, and how everything else knows that the container runs.
        commands = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        commands.bind(f"\0/var/lib/lxc/{vmid}/command")
        commands.listen(4)
        while True:
            signal.pause()
    serve(run / f"{vmid}.qmp")
    (run / f"{vmid}.pid").unlink(missing_ok=True)


if __name__ == "__main__":
    main()

"""The story that ``make demo`` tells: a healthy cluster, a node that dies, a node that comes back."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from lab.client import Lab
from lab.errors import LabError

_TREE = Path(__file__).resolve().parent.parent
_BLOCK = 97
"""Not the default: a lab that is already running is not disturbed."""
_SETTLE_SECONDS = 60.0
_WELL, _CRITICAL = 0, 5


def demo() -> None:
    """Start a lab, show its status before, during and after the loss of a node, and end it.

    Raises:
        LabError: the lab did not come up, or the status did not become what the story says.
    """
    began = time.monotonic()
    _say("A three-node cluster on this machine: real corosync and sshd, emulated Proxmox VE commands.")
    lab = Lab.up(_TREE / ".lab" / "demo", nodes=3, block=_BLOCK, ha=False, tied=True, report=_say)
    try:
        _wait_for(lab, _WELL)
        _show(lab, "fab", "cluster.status")
        _say("pve02 loses its power.")
        lab.kill("pve02")
        _wait_for(lab, _CRITICAL)
        _show(lab, "fab", "cluster.status")
        _say("pve02 is switched on again.")
        lab.start("pve02")
        _wait_for(lab, _WELL)
        _show(lab, "fab", "cluster.status")
    finally:
        lab.down()
    _say(f"The lab is gone. {time.monotonic() - began:.0f} s in all.")


def _say(text: str) -> None:
    print(f"\n==> {text}", flush=True)


def _run(lab: Lab, *argv: str, quiet: bool) -> int:
    tool = Path(sys.executable).with_name(argv[0])
    environment = os.environ | {"PVEFLEET_HOSTS": str(lab.hosts_toml)}
    out = subprocess.DEVNULL if quiet else None
    command = [str(tool), *argv[1:]]
    done = subprocess.run(command, cwd=_TREE, env=environment, stdout=out, stderr=out, check=False)
    return done.returncode


def _show(lab: Lab, *argv: str) -> None:
    print(f"\n$ {shlex.join(argv)}", flush=True)
    code = _run(lab, *argv, quiet=False)
    print(f"(exit code {code})", flush=True)


def _wait_for(lab: Lab, code: int) -> None:
    """Ask for the status until it ends with *code*: a death has to be noticed, a node has to boot."""
    end = time.monotonic() + _SETTLE_SECONDS
    while (seen := _run(lab, "fab", "cluster.status", quiet=True)) != code:
        if time.monotonic() > end:
            _show(lab, "fab", "cluster.status")
            raise LabError(f"after {_SETTLE_SECONDS:g} s the status still ends with {seen}, not {code}")

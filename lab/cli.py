"""The tasks ``inv lab.*``: a cluster on your own machine, and its faults."""

from __future__ import annotations

import functools
import inspect
import math
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from invoke import Collection, Context, task
from invoke.exceptions import Exit

from lab.client import Lab
from lab.errors import LabError
from lab.spec import BMC_FAULTS, OUTSIDE_PORT

DEFAULT_STATE = ".lab"
REFUSED = 3
_Body = TypeVar("_Body", bound=Callable[..., None])


def _explained(body: _Body) -> _Body:
    """Turn what a person can put right into one line on standard error and exit code 3."""

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            body(*args, **kwargs)
        except LabError as error:
            raise Exit(f"lab: {error}", code=REFUSED) from error

    return run  # type: ignore[return-value]


_HELP = {
    "nodes": "how many, 3 to 32",
    "pve": "the Proxmox VE release that is emulated: 9.2, 9.0 or 8",
    "blank": "leave the nodes alone, without a cluster",
    "guests": "how many sample guests",
    "ha": "leave the sample guests out of HA: nothing fences a node",
    "token": "corosync's token timeout in ms; 1000 unless given, more from 9 nodes on",
    "block": "127.BLOCK.1.N:2222 leads to node N over link 0, the next block over link 1",
    "state": "the lab's folder",
    "node": "a node's name",
    "link": "0 or 1; both unless given",
    "outside": "the way from this machine instead of the cables",
    "sides": "names joined by commas, sides parted by slashes",
    "action": "status, on or off; or what is wrong with it: hang, deny, lie, ok",
    "seconds": "how much its date is ahead, or behind if negative",
    "milliseconds": "the round trip that its ping shows",
}


def _lab_task(body: _Body) -> Any:
    names = [name for name in inspect.signature(body).parameters if name in _HELP]
    return task(auto_shortflags=False, help={name: _HELP[name] for name in names})(_explained(body))


def _number(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise LabError(f"{option} takes a number, not {text!r}") from error


def _decimal(text: str, option: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise LabError(f"{option} takes a number, not {text!r}") from error
    if not math.isfinite(number):
        raise LabError(f"{option} takes a number, not {text!r}")
    return number


def _link(text: str) -> int | None:
    return _number(text, "--link") if text else None


@_lab_task
def up(
    _c: Context,
    nodes: str = "3",
    pve: str = "9.2",
    blank: bool = False,
    guests: str = "6",
    token: str = "",
    block: str = "77",
    ha: bool = True,
    state: str = DEFAULT_STATE,
) -> None:
    """
    Start a lab: real sshd and corosync, emulated Proxmox VE commands, no root needed.
    """
    began = time.monotonic()

    def report(line: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {line}", flush=True)

    lab = Lab.up(
        Path(state),
        nodes=_number(nodes, "--nodes"),
        pve=pve,
        blank=blank,
        guests=_number(guests, "--guests"),
        token=_number(token, "--token") if token else None,
        block=_number(block, "--block"),
        ha=ha,
        report=report,
    )
    report(f"ready: {lab.names[0]} to {lab.names[-1]}, inventory {state}/hosts.toml")


@_lab_task
def down(_c: Context, state: str = DEFAULT_STATE) -> None:
    """
    End the lab; nothing of it is left but its folder.
    """
    Lab.attach(Path(state)).down()
    print("the lab is gone")


@_lab_task
def status(_c: Context, state: str = DEFAULT_STATE) -> None:
    """
    Show the lab's nodes: power, pids, links, faults.
    """
    lab = Lab.attach(Path(state))
    now = lab.status()
    spec = lab.spec
    shape = "no cluster" if spec.blank else "one cluster"
    print(f"{spec.nodes} nodes, {shape}, Proxmox VE {spec.pve} emulated, pid {now['pid']}")
    print(f"inventory {state}/hosts.toml")
    width = max(map(len, lab.names))
    print(f"{'NODE':<{width}} {'STATE':<8} {'PID':>7}  {'LINK 0':<6} {'LINK 1':<6} {'FROM HERE':<16} FAULTS")
    for node, row in zip(spec.members, now["nodes"], strict=True):
        links = ["cut" if link in row["cut"] else "up" for link in (0, 1)]
        outside = f"{node.outside(0)}:{OUTSIDE_PORT}"
        if row["outside_cut"]:
            left = [f"link {link} only" for link in (0, 1) if link not in row["outside_cut"]]
            outside = left[0] if left else "cut"
        start = f"{row['name']:<{width}} {row['state']:<8} {row['pid'] or '-':>7}  {links[0]:<6} {links[1]:<6} "
        start += f"{outside:<16} "
        first, *more = _faults(row) or [""]
        print(f"{start}{first}".rstrip())
        for fault in more:
            print(f"{'':<{len(start)}}{fault}")
    if now["partition"]:
        sides = " / ".join(", ".join(side) for side in now["partition"])
        print(textwrap.fill(f"partition: {sides}", 80, subsequent_indent="  "))


def _faults(row: dict[str, Any]) -> list[str]:
    faults = ["pmxcfs hung"] if row["hung"] else []
    if row["bmc"] != "ok":
        faults.append(f"BMC: {row['bmc']}")
    if row["date_skew"]:
        faults.append(f"date {row['date_skew']:+g} s, made up")
    if row["ping_ms"] is not None:
        faults.append(f"ping {row['ping_ms']:g} ms, made up")
    return faults


@_lab_task
def execute(_c: Context, node: str, state: str = DEFAULT_STATE) -> None:
    """
    Run a command in a node, past SSH: inv lab.exec pve01 -- CMD. Its exit status is ours.
    """
    # Invoke keeps what follows `--` to itself.
    argv = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if not argv:
        raise LabError("no command: inv lab.exec NODE -- CMD")
    raise Exit(code=Lab.attach(Path(state)).exec_here(node, argv))


@_lab_task
def kill(_c: Context, node: str, state: str = DEFAULT_STATE) -> None:
    """
    Pull a node's plug: it falls silent, its disk stays.
    """
    Lab.attach(Path(state)).kill(node)
    print(f"{node} is off")


@_lab_task
def start(_c: Context, node: str, state: str = DEFAULT_STATE) -> None:
    """
    Power a node on, with the disk it had.
    """
    Lab.attach(Path(state)).start(node)
    print(f"{node} is booting")


@_lab_task
def freeze(_c: Context, node: str, state: str = DEFAULT_STATE) -> None:
    """
    Stop every process of a node; its kernel still answers.
    """
    Lab.attach(Path(state)).freeze(node)
    print(f"{node} is frozen")


@_lab_task
def thaw(_c: Context, node: str, state: str = DEFAULT_STATE) -> None:
    """
    Let a frozen node run on.
    """
    Lab.attach(Path(state)).thaw(node)
    print(f"{node} runs on")


@_lab_task
def cut(_c: Context, node: str, link: str = "", outside: bool = False, state: str = DEFAULT_STATE) -> None:
    """
    Cut a node's cables to the others (--link N, else both), or with --outside its way from here.
    """
    Lab.attach(Path(state)).cut(node, link=_link(link), outside=outside)
    print(_way(node, link, outside) + " is cut")


@_lab_task
def heal(_c: Context, node: str, link: str = "", outside: bool = False, state: str = DEFAULT_STATE) -> None:
    """
    Undo lab.cut.
    """
    Lab.attach(Path(state)).heal(node, link=_link(link), outside=outside)
    print(_way(node, link, outside) + " is whole")


def _way(node: str, link: str, outside: bool) -> str:
    which = f"link {link}" if link else "every link"
    return f"{which} from this machine to {node}" if outside else f"{which} of {node}"


@_lab_task
def partition(_c: Context, sides: str, state: str = DEFAULT_STATE) -> None:
    """
    Part nodes on every link: inv lab.partition pve01,pve02/pve03. Nodes not named stay together.
    """
    groups = [[name.strip() for name in side.split(",") if name.strip()] for side in sides.split("/")]
    lab = Lab.attach(Path(state))
    lab.partition(*groups)
    print("parted: " + " / ".join(",".join(side) for side in lab.status()["partition"]))


@_lab_task
def join(_c: Context, state: str = DEFAULT_STATE) -> None:
    """
    Undo lab.partition.
    """
    Lab.attach(Path(state)).join()
    print("all nodes hear each other again")


@_lab_task
def hang(_c: Context, node: str, state: str = DEFAULT_STATE) -> None:
    """
    Stop a node's cluster file system: every access to /etc/pve waits.
    """
    Lab.attach(Path(state)).hang(node)
    print(f"/etc/pve of {node} hangs")


@_lab_task
def unhang(_c: Context, node: str, state: str = DEFAULT_STATE) -> None:
    """
    Let a hung cluster file system run on.
    """
    Lab.attach(Path(state)).unhang(node)
    print(f"/etc/pve of {node} answers again")


@_lab_task
def bmc(_c: Context, node: str, action: str = "status", state: str = DEFAULT_STATE) -> None:
    """
    A node's management controller: --action status, on, off; or hang, deny, lie, and ok again.
    """
    lab = Lab.attach(Path(state))
    if action not in BMC_FAULTS:
        print(f"Chassis Power is {lab.bmc(node, action)}")
        return
    lab.bmc_fault(node, action)
    print(f"the BMC of {node} is well" if action == "ok" else f"the BMC of {node} has a fault: {action}")


@_lab_task
def skew(_c: Context, node: str, seconds: str = "0", state: str = DEFAULT_STATE) -> None:
    """
    Have a node's `date` be off by --seconds S, negative for behind; without it, right again. Made up.
    """
    Lab.attach(Path(state)).skew(node, _decimal(seconds, "--seconds"))
    print(f"the date of {node} is off by {seconds} s: made up, its `date` alone says so")


@_lab_task
def latency(_c: Context, node: str, milliseconds: str = "", state: str = DEFAULT_STATE) -> None:
    """
    Have a node's `ping` show --milliseconds MS; without it, what is. Made up.
    """
    Lab.attach(Path(state)).latency(node, _decimal(milliseconds, "--milliseconds") if milliseconds else None)
    shown = f"{milliseconds} ms: made up, its `ping` alone says so" if milliseconds else "what is"
    print(f"ping on {node} shows {shown}")


_TASKS = (up, down, status, kill, start, freeze, thaw, cut, heal, partition, join, hang, unhang, bmc, skew, latency)
ns = Collection("lab")
for _task in _TASKS:
    ns.add_task(_task)
ns.add_task(execute, name="exec")

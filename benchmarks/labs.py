"""One lab at a time, always taken down again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.commands import BenchError
from benchmarks.plan import Plan
from benchmarks.rivals import short_folder
from lab.client import Lab
from lab.errors import LabError
from lab.launch import free_block

_FIRST_BLOCK = 161
_ATTEMPTS = 2
_FEW_GUESTS = 6
_GUESTS = {16: 24}
"""More guests in one of the labs: they must not make a difference."""
_COUNTING = "/etc/ssh/sshd_config.d/counting.conf"
_LOG = "/var/log/pvelab/ssh.log"
_BEGIN = f'echo "LogLevel VERBOSE" >{_COUNTING} && systemctl restart ssh && : >{_LOG}'
_COUNT = f"grep -c 'Accepted publickey' {_LOG}; grep -c 'Starting session: command' {_LOG}; true"
_END = f"rm -f {_COUNTING}; systemctl restart ssh"


@contextmanager
def running(nodes: int, plan: Plan) -> Iterator[tuple[Lab, Path]]:
    """Start a lab, yield it and a folder for files with a short path, and end it whatever happens.

    Raises:
        BenchError: it did not come up.
    """
    with short_folder() as name:
        folder = Path(name)
        lab = _up(folder, nodes, plan)
        try:
            lab.settle()
            yield lab, folder
        except LabError as error:
            raise BenchError(f"the lab of {nodes} nodes: {error}") from error
        finally:
            lab.down()


def _up(folder: Path, nodes: int, plan: Plan) -> Lab:
    """Start a lab; try it again where the machine was too busy for so many nodes to find together."""
    failures: list[str] = []
    for attempt in range(1, _ATTEMPTS + 1):
        plan.report(f"a lab of {nodes} nodes" + (f", attempt {attempt}" if failures else ""))
        block, guests = free_block(_FIRST_BLOCK), _GUESTS.get(nodes, _FEW_GUESTS)
        try:
            return Lab.up(folder / f"lab{attempt}", nodes=nodes, guests=guests, block=block, ha=False, tied=True)
        except LabError as error:
            failures.append(str(error))
    raise BenchError(f"there is no lab of {nodes} nodes: {'; '.join(failures)}")


@contextmanager
def logins(lab: Lab) -> Iterator[Callable[[], list[tuple[int, int]]]]:
    """Have every node's sshd write down what it is asked for.

    Yields:
        What returns the logins and the commands that each node has counted since.

    Raises:
        BenchError: a node does not count.
    """

    def on_all(text: str) -> list[bytes]:
        outputs = []
        for name in lab.names:
            status, out, err = lab.exec(name, ["/bin/sh", "-c", text])
            if status:
                raise BenchError(f"{name} does not count logins: {err.decode(errors='replace').strip()}")
            outputs.append(out)
        return outputs

    def count() -> list[tuple[int, int]]:
        return [(int(accepted), int(started)) for accepted, started in (out.split() for out in on_all(_COUNT))]

    on_all(_BEGIN)
    lab.settle()
    on_all(f": >{_LOG}")
    try:
        yield count
    finally:
        on_all(_END)

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
_COUNTING = "/etc/ssh/sshd_config.d/counting.conf"
_LOG = "/var/log/pvelab/ssh.log"
_BEGIN = f'echo "LogLevel VERBOSE" >{_COUNTING} && systemctl restart ssh && : >{_LOG}'
_COUNT = f"grep -c 'Accepted publickey' {_LOG}; grep -c 'Starting session: command' {_LOG}; true"
_END = f"rm -f {_COUNTING}; systemctl restart ssh"


@contextmanager
def running(nodes: int, plan: Plan, *, guests: int = 6) -> Iterator[tuple[Lab, Path]]:
    """Start a lab, yield it and a folder for files, and end it whatever happens.

    Raises:
        BenchError: it did not come up.
    """
    with short_folder() as name:
        folder = Path(name)
        plan.report(f"a lab of {nodes} nodes with {guests} guests")
        try:
            lab = Lab.up(folder / "lab", nodes=nodes, guests=guests, block=free_block(_FIRST_BLOCK), tied=True)
        except LabError as error:
            raise BenchError(f"no lab of {nodes} nodes: {error}") from error
        try:
            lab.settle()
            yield lab, folder
        except LabError as error:
            raise BenchError(f"the lab of {nodes} nodes: {error}") from error
        finally:
            lab.down()


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

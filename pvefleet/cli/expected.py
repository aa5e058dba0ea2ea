"""``cluster.expected``: from a command line to the procedure."""

from __future__ import annotations

from collections.abc import Sequence

from pvefleet.cli.fleet import Fleet
from pvefleet.model.errors import UsageError
from pvefleet.procedures.expected import Expected, RestoreExpected

RESTORE = "restore"
"""In place of a number: Invoke knows no argument that may be left out."""


def expected(fleet: Fleet, votes: str, *, off: Sequence[str]) -> Expected | RestoreExpected:
    """Return the procedure that is meant.

    Args:
        fleet: the cluster.
        votes: how many are to be expected, or ``restore``: let corosync add up the nodelist again.
        off: ``NODE=HOW IT IS KNOWN``, for each node that is stated to be off.

    Raises:
        UsageError: not a number, a node that hosts.toml does not list, no word on how it is known.
    """
    if votes == RESTORE:
        if off:
            raise UsageError("restore takes no --off")
        return RestoreExpected()
    if not votes.isdigit() or not 1 <= int(votes) <= 255:
        raise UsageError("cluster.expected takes a number of votes, or restore", hint="fab cluster.expected 1 --plan")
    stated = []
    for one in off:
        node, _, how = one.partition("=")
        if node not in {entry.name for entry in fleet.entries}:
            raise UsageError(f"--off {node}: hosts.toml lists no such node")
        if not how.strip():
            raise UsageError(f"--off {node} does not say how it is known", hint=f"--off {node}='its console is dark'")
        stated.append((node, how.strip()))
    return Expected(int(votes), tuple(stated))

"""The log of a job's last run: how it ended, and what of it says why."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEAD = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} (?:[0-9]+-[0-9]+: )?")
_END = "end replication job"
_ERROR_END = "end replication job with error: "
_PLAIN = (
    *("start replication job", "guest => ", "volumes => ", "freeze guest", "thaw guest", "create snapshot "),
    *("using ", "incremental sync ", "full sync ", "send from ", "total estimated size", "TIME ", "successfully "),
    *("delete ", "(remote_finalize_local_job) delete ", _END),
)
"""What a log says of a run that goes well."""
_LINES_KEPT = 4


def messages(lines: Sequence[str]) -> list[str]:
    """Return the lines of a log without time and job."""
    return [_HEAD.sub("", line, count=1) for line in lines]


def ended_with_error(lines: Sequence[str]) -> bool | None:
    """Say whether the run of a log ended with an error; None where it has no end."""
    for message in reversed(messages(lines)):
        if message.startswith(_ERROR_END):
            return True
        if message == _END:
            return False
    return None


def why(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of a failed run's log that say something beside its course, without the error itself."""
    if not ended_with_error(lines):
        return ()
    said = messages(lines)
    last = max(number for number, message in enumerate(said) if message.startswith(_ERROR_END))
    telling = [message for message in said[:last] if message.strip() and not message.startswith(_PLAIN)]
    return tuple(telling[-_LINES_KEPT:])


def reason(error: str, log: Sequence[str]) -> str:
    """Return one line: the last telling one of the log where the error only names a failed command, else the error."""
    first = next((line.strip() for line in error.splitlines() if line.strip()), "")
    if log and (not first or first.startswith("command '")):
        return re.sub(r"^\((?:remote_[a-z_]+)\) ", "", log[-1])
    return first or "no reason was recorded"

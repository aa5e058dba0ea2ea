"""What a node is made to say wrongly: the time of `date`, the round trip of `ping`.

All nodes share one kernel, so a clock cannot really differ, and a link cannot really be slow: only these two commands
say so. Everything that shows such a setting calls it made up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError

_SETTINGS = "etc/pvelab/node.json"
_SHIM = """\
#!/bin/sh
# The lab has this node lie about it; the real program is {name}.real.
exec /usr/bin/python3 -ISB /usr/lib/pvelab/main.py {name} "$@"
"""
_FARTHEST = 10 * 365 * 86400.0
_SLOWEST = 60000.0


@dataclass(frozen=True, slots=True)
class Lies:
    """What one node says wrongly.

    Attributes:
        date_skew: seconds that its `date` is ahead (or behind, below 0); 0 tells the truth.
        ping_ms: the round trip in milliseconds that its `ping` shows; None tells the truth.
    """

    date_skew: float = 0.0
    ping_ms: float | None = None


def told(root: Path) -> Lies:
    """What the node whose disk is at ``root`` says wrongly."""
    settings = _settings(root)
    return Lies(date_skew=float(settings["date_skew"]), ping_ms=settings["ping_ms"])


def tell(root: Path, lies: Lies) -> None:
    """Make a node lie from now on, or tell the truth again; it may be running.

    Raises:
        LabError: a value is out of range.
    """
    if abs(lies.date_skew) > _FARTHEST:
        raise LabError(f"a date is off by at most ten years, not {lies.date_skew:g} s")
    if lies.ping_ms is not None and not 0 <= lies.ping_ms <= _SLOWEST:
        raise LabError(f"a round trip takes 0 to {_SLOWEST:g} ms, not {lies.ping_ms:g}")
    settings = {**_settings(root), "date_skew": lies.date_skew, "ping_ms": lies.ping_ms}
    _replace(root / _SETTINGS, json.dumps(settings) + "\n", 0o644)
    _stand_in(root / "usr/bin/date", wanted=lies.date_skew != 0)
    _stand_in(root / "usr/bin/ping", wanted=lies.ping_ms is not None)


def _settings(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / _SETTINGS).read_text()))


def _stand_in(program: Path, *, wanted: bool) -> None:
    """Put our script in a program's place, or the program back; there is one of them at any moment."""
    real = program.with_name(f"{program.name}.real")
    if wanted:
        if not real.exists():
            real.hardlink_to(program)
        _replace(program, _SHIM.format(name=program.name), 0o755)
    elif real.exists():
        real.replace(program)


def _replace(path: Path, text: str, mode: int) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)

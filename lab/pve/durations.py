"""How long things take on this node: `/etc/pvelab/durations.json` has seconds by task type, none is as fast as can be.

Keys are types of tasks (`qmsnapshot`, `vzrollback`, …) and `zfs-send`, per snapshot sent. The file is read anew each
time, so a test changes it while the node runs.
"""

from __future__ import annotations

import json
from pathlib import Path

FILE = Path("/etc/pvelab/durations.json")


def seconds(kind: str, file: Path = FILE) -> float:
    """What a task of that type takes at least; 0 where nothing is said."""
    try:
        return float(json.loads(file.read_text()).get(kind, 0.0))
    except FileNotFoundError:
        return 0.0

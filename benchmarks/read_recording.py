"""Reads the guests of a recording, parses their configurations, and prints the name of every snapshot.

python -m benchmarks.read_recording FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from pvefleet.facts import cluster, recording
from pvefleet.model.section import Section


def main() -> None:
    """Do so."""
    facts = cluster.assemble(recording.load(Path(sys.argv[1]), frozenset({Section.GUEST_CONFIGS})))
    for node in facts.nodes:
        files = node.guests.files.value if node.guests else None
        for file in files.files if files else ():
            for snapshot in file.conf.snapshots if file.conf else ():
                print(snapshot.name)


main()

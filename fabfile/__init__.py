"""Operate Proxmox VE clusters over SSH with their native commands."""

import sys
from pathlib import Path

# fab puts fabfile/ itself on sys.path, not the folder that holds it: parsers and pvefleet live there.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from invoke import Collection

from fabfile import cluster, guest, ha, node, replication, run, snapshot

ns = Collection(cluster, guest, ha, node, replication, run, snapshot)

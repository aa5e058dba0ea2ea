"""QUORUM, LINKS and CONFIG: what corosync's own tools and its files say. One file alone needs pmxcfs."""

from __future__ import annotations

import hashlib

from parsers import (
    corosync_cfgtool_n,
    corosync_cfgtool_s,
    corosync_cmapctl,
    corosync_conf,
    corosync_qdevice_tool,
    corosync_quorumtool,
)
from parsers.corosync_cfgtool_n import Reachability
from parsers.corosync_cfgtool_s import LinkStatus
from parsers.corosync_cmapctl import CmapDump
from parsers.corosync_qdevice_tool import QdeviceStatus
from parsers.corosync_quorumtool import QuorumStatus
from pvefleet.facts.sources import Alike, Answers, Source, read_once
from pvefleet.model.facts import ConfFile
from pvefleet.model.observation import Seen

_NO_DEVICE = 97
"""How the fragment says that no QDevice is configured; the tool itself exits 0, 1 or 3."""

SOURCES = (
    Source("quorum", "corosync-quorumtool -s -p", 3),
    Source("links", "corosync-cfgtool -s", 3),
    Source("reach", "corosync-cfgtool -n", 3),
    Source("cmap", "corosync-cmapctl", 3),
    Source(
        "qdevice",
        f"grep -qs '^[[:space:]]*device[[:space:]]*[{{]' /etc/corosync/corosync.conf || exit {_NO_DEVICE}; "
        "corosync-qdevice-tool -s",
        3,
    ),
    Source("conf-local", "cat /etc/corosync/corosync.conf", 2),
    Source("conf-cluster", read_once("/etc/pve/corosync.conf"), 2, needs_pmxcfs=True),
)

_QUORATE, _INQUORATE = 0, 2
_NO_FILE = ("No such file or directory",)


def quorum(answers: Answers) -> Seen[QuorumStatus]:
    """Return ``corosync-quorumtool -s -p``; it exits 2 with a full answer where there is no quorum."""
    return answers.read("quorum", "corosync-quorumtool -s -p", corosync_quorumtool.read, exits=(_QUORATE, _INQUORATE))


def links(answers: Answers) -> Seen[LinkStatus]:
    """Return ``corosync-cfgtool -s``: every link to every node, down ones included."""
    return answers.read("links", "corosync-cfgtool -s", corosync_cfgtool_s.read)


def reach(answers: Answers) -> Seen[Reachability]:
    """Return ``corosync-cfgtool -n``: addresses and MTU of the links to the nodes that are reachable at all."""
    return answers.read("reach", "corosync-cfgtool -n", corosync_cfgtool_n.read)


def cmap(answers: Answers) -> Seen[CmapDump]:
    """Return the whole of ``corosync-cmapctl``: what corosync runs with, and every member's config version."""
    return answers.read("cmap", "corosync-cmapctl", corosync_cmapctl.read)


def qdevice(answers: Answers) -> Seen[QdeviceStatus] | None:
    """Return ``corosync-qdevice-tool -s``; None where the node's corosync.conf has no device."""
    answer = answers.by_name.get("qdevice")
    if answer is not None and answer.exit == _NO_DEVICE:
        return None
    return answers.read("qdevice", "corosync-qdevice-tool -s", corosync_qdevice_tool.read)


def conf_local(answers: Answers, alike: Alike) -> Seen[ConfFile]:
    """Return ``/etc/corosync/corosync.conf``."""
    return answers.read("conf-local", "/etc/corosync/corosync.conf", alike.once(_conf), absent=_NO_FILE)


def conf_cluster(answers: Answers, alike: Alike) -> Seen[ConfFile]:
    """Return ``/etc/pve/corosync.conf``."""
    return answers.read("conf-cluster", "/etc/pve/corosync.conf", alike.once(_conf), absent=_NO_FILE)


def _conf(text: str) -> ConfFile:
    return ConfFile(hashlib.sha256(text.encode()).hexdigest(), corosync_conf.read(text))

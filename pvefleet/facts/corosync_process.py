"""COROSYNC: the running daemon's start, and a test of the file it would start with."""

from __future__ import annotations

from parsers.errors import ParseError
from pvefleet.facts import health
from pvefleet.facts.sources import Answers, Source
from pvefleet.model.corosync_facts import CorosyncFacts

SOURCES = (
    # Field 22 of stat is the 20th after the command's name, which may hold blanks. The file may name a dead daemon.
    Source(
        "corosync-start",
        'pid=$(cat /run/corosync.pid) && name=$(cat "/proc/$pid/comm") && [ "$name" = corosync ] && '
        'stat=$(cat "/proc/$pid/stat") && echo "${stat##*) }" | cut -d " " -f 20',
        2,
    ),
    health.CONF_TEST,
)


def corosync_process(answers: Answers) -> CorosyncFacts:
    """Return which start of corosync runs, and what ``corosync -t`` says."""
    return CorosyncFacts(
        started=answers.read("corosync-start", "/run/corosync.pid", _tick, absent=("No such file",)),
        conf_test=health.conf_test(answers),
    )


def _tick(text: str) -> int:
    if not text.strip().isdigit():
        raise ParseError("corosync-start", "no start tick", excerpt=text[:80])
    return int(text)

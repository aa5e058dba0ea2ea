"""MACHINE: the machine's own name, boot, age, clock and PVE version."""

from __future__ import annotations

from parsers import pveversion
from parsers.errors import ParseError
from parsers.pveversion import PveVersion
from pvefleet.facts.sources import Answers, Source
from pvefleet.model.facts import Machine
from pvefleet.model.observation import Seen

SOURCES = (
    Source("machine", "uname -n && cat /proc/sys/kernel/random/boot_id /proc/uptime", 2),
    Source("pveversion", "pveversion", 5),
)


def machine(answers: Answers, *, sent: float, received: float) -> Seen[Machine]:
    """Return who the machine says it is.

    Args:
        answers: the node's answers.
        sent, received: our clock before the script was handed over and after its last byte, seconds since the
            epoch. The node's clock was read twice in between, which bounds the difference from both sides.
    """
    most, least = answers.began - sent, answers.ended - received
    offset, doubt = (most + least) / 2, abs(most - least) / 2

    def parse(text: str) -> Machine:
        lines = text.splitlines()
        try:
            hostname, boot_id, uptime = lines
            return Machine(hostname, boot_id, float(uptime.split()[0]), answers.began, offset, doubt)
        except (ValueError, IndexError):
            raise ParseError("machine", "expected host name, boot id and uptime", excerpt=text[:80]) from None

    return answers.read("machine", "uname -n, /proc", parse)


def version(answers: Answers) -> Seen[PveVersion]:
    """Return what ``pveversion`` says."""
    return answers.read("pveversion", "pveversion", pveversion.read)

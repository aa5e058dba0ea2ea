"""Is a node proven down? The ladder of evidence, as a pure function of what was looked at.

Every rung is reached by looks that say something, never by the lack of one: dropping any of them can only lower the
level, and a sign of life outweighs everything else.
"""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.bmc import Power, PowerReading
from pvefleet.model.catalogue import finding
from pvefleet.model.evidence import Evidence, Fencing, Level, Look, Proof, Rung, Sign, Vantage, Way
from pvefleet.model.finding import Finding

WATCHDOG_SECONDS = 180.0
"""A node with an armed watchdog resets itself 60 to 70 s after it lost quorum; thrice that is asked for."""

BMC_APART = 2.0
"""Two readings of a BMC closer together than this, in seconds, are one."""

VANTAGES = 2
LOWEST_MINIMUM = Level.E2
"""E1 alone never suffices: a node that is only cut off is silent too."""


def default_minimum(*, has_bmc: bool) -> Level:
    """Return the level that is asked for where the policy names none: what the strongest means at hand can prove."""
    return Level.E4 if has_bmc else Level.E3


def sentence(node: str) -> str:
    """Return the text that an operator has to type to state that *node* is off."""
    return f"{node} is off"


def judge(evidence: Evidence, minimum: Level) -> Proof:
    """Return what *evidence* proves.

    Args:
        evidence: what was looked at. A look that is missing in it was not made.
        minimum: the level that is asked for. E1 and below are taken as E2: silence alone never suffices.

    Returns:
        The ladder, the level, and a finding where it does not suffice. A sign of life makes every level fail.
    """
    minimum = max(minimum, LOWEST_MINIMUM, key=lambda level: level.rank)
    signs = signs_of_life(evidence)
    silent = _silence(evidence)
    candidates = (silent, _watchdog(evidence), _word(evidence), _power(evidence))
    rungs = tuple(_under(rung, signs, silent) for rung in candidates)
    level = max((rung.level for rung in rungs if rung.holds), key=lambda one: one.rank, default=Level.E0)
    suffices = level.rank >= minimum.rank
    found = () if suffices else tuple(_findings(evidence, signs, silent, level, minimum))
    return Proof(evidence.node, bool(signs), level, minimum, suffices, rungs, found)


def signs_of_life(evidence: Evidence) -> tuple[str, ...]:
    """Return every sign of life in *evidence*, one line each."""
    looks = [_line(look) for look in evidence.looks if look.sign is Sign.ALIVE]
    return (*looks, *(f"BMC: {reading.why}" for reading in evidence.power if reading.power is Power.ON))


def _under(rung: Rung, signs: tuple[str, ...], silent: Rung) -> Rung:
    """Return *rung* as it stands with the rungs below it: life fails them all, and all rest on silence."""
    if signs:
        return Rung(rung.level, False, "there is a sign of life", signs)
    if rung.holds and not silent.holds:
        return Rung(rung.level, False, f"{rung.why}, but silence is not proven", rung.lines)
    return rung


def _silence(evidence: Evidence) -> Rung:
    silent, lines = [], []
    for vantage in evidence.vantages:
        lacks = tuple(_lacks(evidence, vantage))
        if not lacks:
            silent.append(vantage.name)
        lines += [f"{vantage.name}: {lack}" for lack in lacks]
    if len(set(silent)) >= VANTAGES:
        return Rung(Level.E1, True, f"silent on every path from {' and '.join(silent)}", tuple(lines))
    found = f"{silent[0]} alone" if silent else "nowhere"
    return Rung(Level.E1, False, f"silent from {found}: it takes two vantage points", tuple(lines))


def _lacks(evidence: Evidence, vantage: Vantage) -> Iterator[str]:
    """Yield why the silence at *vantage* does not count."""
    if vantage.deaf:
        yield vantage.deaf
    if not vantage.paths:
        yield "nothing was looked at"
    for way, place in vantage.paths:
        looks = [one for one in evidence.looks if (one.vantage, one.way, one.place) == (vantage.name, way, place)]
        if not looks:
            yield f"{_what(way, place)}: not looked at"
        yield from (f"{_what(way, place)}: {one.why}" for one in looks if one.sign is not Sign.SILENT)


def _watchdog(evidence: Evidence) -> Rung:
    verdicts = [(fencing, tuple(_doubts(fencing))) for fencing in evidence.fencing]
    for fencing, doubts in verdicts:
        if not doubts:
            why = f"its watchdog was armed, and nothing has changed for {fencing.unchanged:.0f} s by {fencing.peer}"
            return Rung(Level.E2, True, why)
    lines = tuple(f"{fencing.peer}: {doubt}" for fencing, doubts in verdicts for doubt in doubts)
    return Rung(Level.E2, False, "it is not known to have reset itself", lines or ("no peer could tell",))


def _doubts(fencing: Fencing) -> Iterator[str]:
    """Yield why the watchdog is not known to have fired, by one peer's view."""
    if fencing.state is None or fencing.mode is None:
        yield "what its HA agent did last is not known"
    elif fencing.state != "active" or fencing.mode != "active":
        yield f"its HA agent was {fencing.state} ({fencing.mode}): no watchdog"
    if fencing.disarmed is not False:
        yield "HA is disarmed" if fencing.disarmed else "whether HA is armed is not known"
    if fencing.quorum_elsewhere is not False:
        other = "the nodes that are not seen could have quorum together: then no watchdog fires"
        yield other if fencing.quorum_elsewhere else "whether the nodes that are not seen have quorum is not known"
    ages = (("the membership has been unchanged", fencing.unchanged), ("its HA agent last reported", fencing.reported))
    for what, age in ages:
        if age is None:
            yield f"how long {what} is not known"
        elif age < WATCHDOG_SECONDS:
            yield f"{what} for {age:.0f} s: {WATCHDOG_SECONDS:.0f} s have to pass"


def _word(evidence: Evidence) -> Rung:
    word, wanted = evidence.word, sentence(evidence.node)
    if word is None:
        return Rung(Level.E3, False, f"nobody has stated: {wanted}")
    if word.text != wanted:
        return Rung(Level.E3, False, f"typed was {word.text!r}, not: {wanted}")
    if not word.reason.strip():
        return Rung(Level.E3, False, "how it is known that it is off was not said")
    return Rung(Level.E3, True, f"stated: {wanted}; known by: {word.reason.strip()}")


def _power(evidence: Evidence) -> Rung:
    if not evidence.power:
        return Rung(Level.E4, False, "no BMC was asked")
    lines = tuple(f"BMC: {reading.why}" for reading in evidence.power)
    off = [reading.at for reading in evidence.power if reading.power is Power.OFF]
    apart = max(off) - min(off) if off else 0.0
    if apart >= BMC_APART:
        return Rung(Level.E4, True, f"its BMC read off twice, {apart:.0f} s apart", lines)
    known = "once" if off else "never"
    return Rung(Level.E4, False, f"its BMC has to read off twice, {BMC_APART:.0f} s apart; it did {known}", lines)


def _findings(
    evidence: Evidence, signs: tuple[str, ...], silent: Rung, level: Level, minimum: Level
) -> Iterator[Finding]:
    node = evidence.node
    if signs:
        yield finding("EVD-E-0001", node, f"{node} is not down: it shows signs of life", signs)
        if any(reading.power is Power.OFF for reading in evidence.power):
            lines = [*(f"BMC: {reading.why}" for reading in evidence.power), *signs]
            yield finding("EVD-W-0004", node, f"the BMC of {node} says off, and {node} lives", lines)
        return
    if not silent.holds:
        yield finding("EVD-E-0002", node, f"{node} is not proven silent: {silent.why}", silent.lines)
        return
    lines = [f"{rung.level.value}: {rung.why}" for rung in (_watchdog(evidence), _word(evidence), _power(evidence))]
    message = f"the evidence that {node} is down is {level.value}, asked for is {minimum.value}"
    yield finding("EVD-E-0003", node, message, lines)


def _line(look: Look) -> str:
    return f"{look.vantage}: {_what(look.way, look.place)}: {look.why}"


def _what(way: Way, place: str) -> str:
    return f"{way.value} {place}".strip()


def trusted(reading: PowerReading, pve_name: str) -> PowerReading:
    """Return *reading*, with its power unknown where the BMC says that it belongs to a machine of another name.

    Args:
        reading: what the BMC said.
        pve_name: the node's name in the cluster.
    """
    if not is_foreign(reading, pve_name):
        return reading
    assert reading.machine is not None
    why = f"it is the BMC of {reading.machine.host_name} by its own word"
    return PowerReading(reading.at, Power.UNKNOWN, why, reading.machine)


def is_foreign(reading: PowerReading, pve_name: str) -> bool:
    """Does the BMC say that it belongs to a machine of another name than *pve_name*?"""
    name = reading.machine.host_name if reading.machine else ""
    return bool(name) and name.partition(".")[0].casefold() != pve_name.partition(".")[0].casefold()

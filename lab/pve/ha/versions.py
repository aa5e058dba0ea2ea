"""The version of pve-ha-manager a release has: what HA can do there follows from it."""

from __future__ import annotations

from lab.pve import pveversion

RULES = (5, 0, 2)
PURGE = (5, 0, 7)
CHECKS_TYPE = (5, 1, 1)
DISARM = (5, 1, 3)


def of(release: str) -> tuple[int, ...]:
    """The version, as numbers, of a release such as "9.2" or "8"."""
    minor = {name.partition(".")[0]: name for name in sorted(pveversion.RELEASES)}
    _, _, packages = pveversion.RELEASES[minor.get(release, release)]
    text = packages.get("pve-ha-manager", pveversion.PACKAGES["pve-ha-manager"])
    return tuple(int(number) for number in text.split("."))

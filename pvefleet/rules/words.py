"""Durations and counts inside messages."""

from __future__ import annotations


def span(seconds: float) -> str:
    """Return a duration in its two largest units: ``3d 4h``, ``5h 12m``, ``42m``, ``7s``."""
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours}h" if hours else f"{days}d"
    if hours:
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m" if minutes else f"{whole}s"


def count(number: int, thing: str) -> str:
    """Return a number with its noun: ``1 job``, ``3 jobs``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

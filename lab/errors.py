"""What the lab raises for what a person can put right."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the message is one line and says how to go on."""


class TimedOut(LabError):
    """A command in a node took too long; it has been killed."""

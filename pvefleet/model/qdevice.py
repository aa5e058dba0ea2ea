"""The QDevice in a line: the vote from outside the cluster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QdeviceNode:
    """What one node says of its QDevice: ``Connected``, ``Connecting``, ``Connect failed``, or why it cannot say."""

    node: str
    state: str


@dataclass(frozen=True, slots=True)
class QdeviceRow:
    """The QDevice.

    Attributes:
        host: the QNetd server, with its port where a node said so.
        algorithm: ``ffsplit`` or ``lms``.
        votes: how many it may cast; None where that is not known.
        votes_cast: how many it casts for the main partition; None where no node could say.
        connected: names of the nodes whose QDevice is connected.
        others: nodes that were read and are not connected.
    """

    host: str
    algorithm: str
    votes: int | None
    votes_cast: int | None
    connected: tuple[str, ...]
    others: tuple[QdeviceNode, ...]

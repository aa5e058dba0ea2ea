"""Looking for a node that may be down: where, and what one round of probes from one vantage point brought."""

from __future__ import annotations

from dataclasses import dataclass

from parsers.lrm_status import LrmStatus
from pvefleet.model.evidence import Look, Way
from pvefleet.model.inventory import Endpoint
from pvefleet.model.observation import Seen


@dataclass(frozen=True, slots=True)
class Place:
    """An address at which a node may answer.

    Attributes:
        endpoint: host and port of its sshd.
        needed: does it have to be silent there, or is it only one place more where a sign of life would count?
    """

    endpoint: Endpoint
    needed: bool = True

    @property
    def paths(self) -> tuple[tuple[Way, str], ...]:
        """What is tried there, as way and place. Behind a forwarder a ping would only reach the forwarder."""
        tcp = (Way.TCP, str(self.endpoint))
        return (tcp,) if self.endpoint.is_loopback else (tcp, (Way.PING, self.endpoint.host))


@dataclass(frozen=True, slots=True)
class Suspect:
    """A node that is looked for.

    Attributes:
        name: its name in hosts.toml.
        pve_name: its name in the cluster.
        from_here: where it may answer to this machine; empty where a gateway stands between.
        from_peers: where it may answer to other nodes.
    """

    name: str
    pve_name: str
    from_here: tuple[Place, ...]
    from_peers: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Probed:
    """What one round of probes from one vantage point brought, for one suspect.

    Attributes:
        looks: TCP and ping.
        agent: a reading of its ``lrm_status``, some seconds after the facts were read; None where none was made.
        unchanged: seconds since the vantage point's corosync last saw members come or go, by its own clock; None where
            that is not known.
    """

    looks: tuple[Look, ...]
    agent: Seen[LrmStatus] | None = None
    unchanged: float | None = None

"""What a lab looks like: how many nodes, their names, numbers and addresses. Pure values, no I/O."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from lab.errors import LabError

LINKS = (0, 1)
SWITCH_ID = 254
MIN_NODES, MAX_NODES = 3, 32
# Up to here corosync runs as on a genuine cluster but for its token; larger labs spare a small machine.
SMALL = 8
MIN_BLOCK, MAX_BLOCK = 2, 254
SSH_PORT = 22
OUTSIDE_PORT = 2222
BMC_PORT = 8443
BMC_FAULTS = ("ok", "hang", "deny", "lie")
"""Of a management controller: well; never answers; refuses every login; says off and obeys, and does nothing."""
RELEASES = {"9.2": "trixie", "9.0": "trixie", "8": "bookworm"}


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node of the lab.

    Attributes:
        name: what ``uname -n`` says there.
        id: its corosync node id, also the last number of its addresses; from 1.
        block: second number of the loopback address of link 0 on this machine; link 1 has the next one.
    """

    name: str
    id: int
    block: int

    def address(self, link: int) -> str:
        """The node's own address on a link, inside the lab."""
        return link_address(link, self.id)

    def outside(self, link: int) -> str:
        """The loopback address on this machine that leads to the node's sshd over that link."""
        return f"127.{self.block + link}.1.{self.id}"

    @property
    def bmc(self) -> str:
        """The loopback address on this machine where the node's management controller answers."""
        return f"127.{self.block}.2.{self.id}"


@dataclass(frozen=True, slots=True)
class LabSpec:
    """Everything that is decided before a lab starts.

    Attributes:
        nodes: how many, 3 to 32.
        pve: the Proxmox VE release whose commands are emulated, a key of ``RELEASES``.
        blank: no cluster: every node stands alone, without guests.
        guests: how many sample guests are created.
        token: corosync's token timeout in milliseconds; its coefficient is 0. None takes 1000, and more from 9 nodes
            on, which a small machine needs to keep that many together.
        block: second number of the loopback addresses for link 0; link 1 uses the next one.
        prefix: what the nodes' names start with.
        scale: factor on the delays that the emulated commands copy from genuine clusters.
        ha: are sample guests under HA? Never in a blank lab or one of more than `SMALL` nodes.
    """

    nodes: int = 3
    pve: str = "9.2"
    blank: bool = False
    guests: int = 6
    token: int | None = None
    block: int = 77
    prefix: str = "pve"
    scale: float = 0.25
    ha: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot work before anything is touched.

        Raises:
            LabError: a value is out of its range; the message names it.
        """
        if not MIN_NODES <= self.nodes <= MAX_NODES:
            raise LabError(f"a lab has {MIN_NODES} to {MAX_NODES} nodes, not {self.nodes}")
        if self.pve not in RELEASES:
            raise LabError(f"no Proxmox VE {self.pve} in the lab; there are {', '.join(RELEASES)}")
        if not 0 <= self.guests <= 500:
            raise LabError(f"a lab has 0 to 500 sample guests, not {self.guests}")
        if not 300 <= self.token_ms <= 60000:
            raise LabError(f"token is 300 to 60000 ms, not {self.token}")
        if not MIN_BLOCK <= self.block <= MAX_BLOCK:
            raise LabError(
                f"the address block is {MIN_BLOCK} to {MAX_BLOCK} (127.BLOCK.1.N and the next), not {self.block}"
            )
        if not re.fullmatch("[A-Za-z][A-Za-z0-9]{0,11}", self.prefix):
            raise LabError(f"node names start with a letter, then up to 11 letters and digits, not {self.prefix!r}")

    @property
    def token_ms(self) -> int:
        """The token timeout that corosync.conf gets."""
        return max(1000, 125 * self.nodes) if self.token is None else self.token

    @property
    def protects(self) -> bool:
        """Are some of its sample guests under HA from the start?"""
        return self.ha and self.guests > 0 and not self.blank and self.nodes <= SMALL

    @property
    def ha_scale(self) -> float:
        """Factor on the seconds HA takes. A large lab has the genuine ones: its rounds add up."""
        return self.scale if self.nodes <= SMALL else max(1.0, self.scale)

    @property
    def suite(self) -> str:
        """The Debian release that this Proxmox VE release stands on."""
        return RELEASES[self.pve]

    @property
    def members(self) -> tuple[NodeSpec, ...]:
        """The nodes in order of their ids."""
        return tuple(NodeSpec(f"{self.prefix}{number:02}", number, self.block) for number in range(1, self.nodes + 1))

    def to_json(self) -> str:
        """One line that ``from_json`` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LabSpec:
        """Read what ``to_json`` wrote."""
        return cls(**json.loads(text))


def link_address(link: int, node_id: int) -> str:
    """The address of a node (or of the switch, id 254) on a link, inside the lab."""
    return f"10.{77 + link}.0.{node_id}"


def mac(link: int, node_id: int) -> str:
    """The fixed, locally administered MAC address that belongs to ``link_address``."""
    return f"02:6c:74:{link:02x}:00:{node_id:02x}"

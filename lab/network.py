"""The lab's network: one bridge per link in the bubble, one port per node and link. Texts for ``ip`` and ``nft``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.spec import LINKS, SWITCH_ID, NodeSpec, link_address, mac

TABLE = "labswitch"


def port(node: NodeSpec, link: int) -> str:
    """Name of the switch's end of a node's cable."""
    return f"port{node.id}.{link}"


def switch_batch(nodes: Iterable[NodeSpec]) -> str:
    """``ip -batch`` lines that make the switch: bridges, the bubble's own addresses, permanent neighbours.

    The neighbours are permanent because the kernel's table of learned ones is shared by all namespaces of the
    machine and overflows at 32 nodes.
    """
    lines = ["link set lo up"]
    for link in LINKS:
        lines += [
            f"link add bridge{link} address {mac(link, SWITCH_ID)} type bridge stp_state 0 forward_delay 0",
            f"link set bridge{link} up",
            f"addr add {link_address(link, SWITCH_ID)}/24 dev bridge{link}",
        ]
        lines += [_neighbour(link, node.id, f"bridge{link}") for node in nodes]
    return "\n".join(lines) + "\n"


def plug_batch(node: NodeSpec, netns_pid: int, cut: Iterable[int]) -> str:
    """``ip -batch`` lines that connect a booting node to the switch.

    Args:
        node: the node.
        netns_pid: a process in the node's network namespace.
        cut: links whose port stays down.
    """
    lines = []
    for link in LINKS:
        lines += [
            f"link add {port(node, link)} type veth peer name eth{link} address {mac(link, node.id)} netns {netns_pid}",
            f"link set {port(node, link)} master bridge{link} {'down' if link in cut else 'up'}",
        ]
    return "\n".join(lines) + "\n"


def unplug_batch(node: NodeSpec) -> str:
    """``ip -batch`` lines that take a dead node's cables away."""
    return "".join(f"link del {port(node, link)}\n" for link in LINKS)


def port_batch(node: NodeSpec, links: Iterable[int], state: str) -> str:
    """``ip -batch`` lines that set a node's switch ports ``up`` or ``down``."""
    return "".join(f"link set {port(node, link)} {state}\n" for link in links)


def node_batch(node_id: int, last_id: int) -> str:
    """``ip -batch`` lines for a node itself: its addresses and its permanent neighbours.

    Args:
        node_id: the node.
        last_id: the highest node id of the lab.
    """
    lines = ["link set lo up"]
    others = [other for other in [*range(1, last_id + 1), SWITCH_ID] if other != node_id]
    for link in LINKS:
        lines += [f"link set eth{link} up", f"addr add {link_address(link, node_id)}/24 dev eth{link}"]
        lines += [_neighbour(link, other, f"eth{link}") for other in others]
    return "\n".join(lines) + "\n"


def _neighbour(link: int, node_id: int, device: str) -> str:
    return f"neigh replace {link_address(link, node_id)} lladdr {mac(link, node_id)} nud permanent dev {device}"


def partition_ruleset(groups: Sequence[Sequence[NodeSpec]]) -> str:
    """``nft -f`` text: nothing passes between two groups, on any link; no groups: everything passes.

    Only frames forwarded between ports are looked at, so every node stays reachable from outside.
    """
    pairs = [
        f"{port(left, link)} . {port(right, link)}"
        for number, group in enumerate(groups)
        for other in [*groups[:number], *groups[number + 1 :]]
        for left in group
        for right in other
        for link in LINKS
    ]
    lines = [f"table bridge {TABLE}", f"delete table bridge {TABLE}"]
    if pairs:
        lines += [
            f"table bridge {TABLE} {{",
            "  set apart {",
            "    type ifname . ifname",
            f"    elements = {{ {', '.join(pairs)} }}",
            "  }",
            "  chain forward {",
            "    type filter hook forward priority 0; policy accept;",
            "    iifname . oifname @apart drop",
            "  }",
            "}",
        ]
    return "\n".join(lines) + "\n"

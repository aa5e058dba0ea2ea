"""Opening a node's BMC, of whatever kind it is."""

from __future__ import annotations

from collections.abc import Callable

from pvefleet.model.bmc import Bmc
from pvefleet.model.inventory import BmcEntry


def open_bmc(node: str, entry: BmcEntry, *, password: Callable[[], str], clock: Callable[[], float], path: str) -> Bmc:
    """Return the BMC that *entry* describes; nothing is connected yet.

    Args:
        node: the node's name in hosts.toml.
        entry: what hosts.toml says of its BMC.
        password: fetches the password; called once at most, when it is needed.
        clock: our own time in seconds since the epoch.
        path: where programs are looked for, as in ``PATH``.
    """
    if entry.type == "redfish":
        from pvefleet.nodes.bmc_redfish import RedfishBmc

        return RedfishBmc(node, entry, password, clock)
    from pvefleet.nodes.bmc_ipmitool import IpmitoolBmc

    return IpmitoolBmc(node, entry, password, clock, path=path)

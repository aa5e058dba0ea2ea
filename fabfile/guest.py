"""Guests: virtual machines and containers."""

from pvefleet.cli.task import fleet


@fleet(
    name="list",
    reads=True,
    local=True,
    help={"guests": "Which guests: 100,200-220,web*,@node-X,@tag-X,@pool-X,@running,@stopped; a leading - excludes."},
)
def list_(c, guests="@all"):
    """List the guests of the whole cluster, those of dead nodes too: state, memory, cores, tags, pool, lock, snapshots.

    From the configuration files and the nodes' own lists; needs neither the API nor quorum. The state of a guest whose
    node was not read is unknown, never stopped. -H narrows the list to the guests of its nodes.

    Exit codes: 0 all was seen, 2 a selector that is wrong or matches nothing, 4 warnings, 5 critical, 11 no node could
    be read, 13 something was not understood.

      fab guest.list
      fab guest.list --guests 100-120,web*,-@node-pve03
      fab guest.list --guests @tag-prod,-@running --json
    """
    from pvefleet.cli.guests import list_guests

    return list_guests(c.fleet, guests)

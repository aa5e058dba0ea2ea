"""The cluster as a whole: quorum, nodes, links."""

from pvefleet.cli.task import fleet


@fleet(local=True)
def status(c):
    """Show what every node itself sees: quorum, nodes, links, guests, and everything that is not as it should be.

    Needs neither the API nor quorum nor a live pmxcfs. What could not be seen is said, never shown as well.
    On a node: inv cluster.status shows that node's view alone.

    Exit codes: 0 healthy, 4 warnings, 5 critical, 11 no node could be read, 13 output not understood.

      fab cluster.status
      fab -H @prod cluster.status --json
    """
    from pvefleet.rules.status import status_report

    return status_report(c.fleet.facts())


@fleet(local=True)
def nodes(c):
    """Show every node: id, state, votes, quorum, addresses, version, uptime, clock, guests.

    Exit codes: as cluster.status, without the links.
    """
    from pvefleet.rules.status import nodes_report

    return nodes_report(c.fleet.facts())


@fleet(local=True)
def links(c):
    """Show every corosync link in both directions, as the node at its start sees it, with addresses and MTU.

    Exit codes: as cluster.status, for links and membership alone.
    """
    from pvefleet.rules.status import links_report

    return links_report(c.fleet.facts())

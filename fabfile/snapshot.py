"""Snapshots of guests."""

from pvefleet.cli.task import fleet


@fleet(
    name="list",
    reads=True,
    local=True,
    help={"guests": "Which guests: 100,200-220,web*,@node-X,@tag-X,@pool-X,@running,@stopped; a leading - excludes."},
)
def list_(c, guests="@all"):
    """List the snapshots of the whole cluster as trees, those of guests on dead nodes too.

    With age, memory, who made them, what is half made, and where each guest stands now. From the configuration files:
    needs neither the API nor quorum nor the node that owns the guest. -H narrows the list to the guests of its nodes.

    Exit codes: 0 all was seen, 2 a selector that is wrong or matches nothing, 4 warnings, 5 critical, 11 no node could
    be read, 13 something was not understood.

      fab snapshot.list
      fab snapshot.list --guests @tag-prod
      fab snapshot.list --guests @all,-900-999 --json
    """
    from pvefleet.cli.guests import list_snapshots

    return list_snapshots(c.fleet, guests)

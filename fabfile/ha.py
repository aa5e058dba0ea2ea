"""High availability: what the HA manager, its agents and its rules do, read from files."""

from pvefleet.cli.task import fleet


@fleet(reads=True, local=True)
def status(c):
    """Show HA: manager, guests with their state and place, rules and groups, nodes with agent and watchdog.

    Whether a rule is satisfied, violated or followed as well as can be is computed here from where the guests are; PVE
    does not tell. Everything comes from files: it needs neither the API nor quorum. Times are compared with the clock
    of the node that wrote them; the watchdog is looked at on each node. On a node: inv ha.status shows its view alone.

    Exit codes: 0 healthy, 4 warnings, 5 critical, 11 no node could be read, 13 output not understood.

      fab ha.status
      fab -H @prod ha.status --json
    """
    from pvefleet.model.section import Section
    from pvefleet.rules.ha import ha_report

    return ha_report(c.fleet.facts(Section.HA, Section.HA_HISTORY))


@fleet(reads=True, local=True)
def rules(c):
    """Show every HA rule (Proxmox VE 9), its verdict for each guest, and rules that cannot be followed.

    A higher priority is preferred. Strict is what a node affinity rule can be; rules among guests always are.

    Exit codes: as ha.status, for rules and what could not be read.
    """
    from pvefleet.model.section import Section
    from pvefleet.rules.ha import ha_rules_report

    return ha_rules_report(c.fleet.facts(Section.HA))


@fleet(reads=True, local=True)
def groups(c):
    """Show every HA group (Proxmox VE 8, or not migrated yet), and its verdict for each guest.

    A higher priority is preferred: 1,2,3 puts guests on the third node. Proxmox VE 9 has rules instead: ha.rules.

    Exit codes: as ha.status, for groups and what could not be read.
    """
    from pvefleet.model.section import Section
    from pvefleet.rules.ha import ha_groups_report

    return ha_groups_report(c.fleet.facts(Section.HA))

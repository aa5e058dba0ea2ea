"""Storage replication: jobs, the age of their copies, failures, schedules."""

from pvefleet.cli.scope import Targets
from pvefleet.cli.task import fleet


@fleet(
    reads=True,
    local=True,
    help={"problems": "Show only the jobs that are not well."},
)
def status(c, problems=False):
    """Show every replication job of the cluster: age of the copy, next run, failures with their reasons.

    Read from files, each owner's state on its own disk: needs neither quorum nor the API, and never runs pvesr status,
    which locks and writes. Ages are by the source's own clock, times in its own zone. A job whose source was not read
    is "not seen", never well.

    Exit codes: 0 healthy, 4 warnings, 5 critical, 11 no node could be read, 13 output not understood.

      fab replication.status
      fab replication.status --problems --watch 10
    """
    from pvefleet.model.section import Section
    from pvefleet.rules.replication import replication_report

    facts = c.fleet.facts(Section.REPLICATION, Section.GUEST_CONFIGS, Section.HA)
    return replication_report(facts, rpo_seconds=c.fleet.policy.rpo_seconds, problems=problems)


@fleet(reads=True, local=True, name="list")
def list_(c):
    """Show the jobs as they are configured: direction, schedule and what it means, rate, comment.

    Exit codes: as replication.status, for the configuration alone.
    """
    from pvefleet.model.section import Section
    from pvefleet.rules.replication import replication_list

    return replication_list(c.fleet.facts(Section.REPLICATION))


@fleet(reads=True, local=True, help={"job": "One job, such as 100-0: its whole log."})
def log(c, job=""):
    """Show the log of the last run: of every job the last lines, of one job all of it, from the node that ran it.

    Proxmox VE keeps the last run's log alone, in the node's local time.

    Exit codes: 0 shown, 2 no such job, 11 its node could not be read.

      fab replication.log --job 100-0
    """
    from pvefleet.cli.replication_log import read_log

    return read_log(c.fleet, job)


@fleet(
    targets=Targets.NONE,
    help={
        "schedule": "The calendar event, in quotes: '*/15', 'mon..fri 22:00'.",
        "zone": "The node's time zone, such as Europe/Paris; this machine's by default.",
        "count": "How many runs to show.",
    },
)
def explain_schedule(c, schedule="", zone="", count="5"):
    """Explain a schedule without asking any node: meaning, next runs, traps, and what changes of the clocks do to it.

    The language looks like systemd's and is not: systemd-analyze calendar is no substitute. What Proxmox VE would
    refuse is refused here, with what was probably meant.

    Exit codes: 0 a plain schedule, 4 it means something else than it seems to, 2 it is none.

      fab replication.explain-schedule --schedule 'mon..fri 22' --zone Europe/Paris
    """
    from pvefleet.cli.schedule import explain

    return explain(c.fleet.environment, schedule, zone, count)

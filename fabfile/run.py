"""Runs of changes: look at them, go on, take back, put back what is left."""

from pvefleet.cli.task import fleet


@fleet(name="list")
def list_(c):
    """Show the runs that the nodes and this machine know, newest first, and what they have left set.

    Exit codes: 0, 11 no node was read (this machine's own copies are shown).

      fab run.list --json
    """
    from pvefleet.cli.runs import list_runs

    return list_runs(c.fleet)


@fleet(names=("run",))
def show(c, run):
    """Show one run: every step, what was accepted, what is still set, and what to do now.

    The beginning of its name is enough where no other run begins so.

      fab run.show 20261125-0213
    """
    from pvefleet.cli.runs import show_run

    return show_run(c.fleet, run)


@fleet(names=("run",), follows=True, help={"yes": "Do not ask."})
def resume(c, run, yes=False):
    """Go on with a run where its journal ends, from this or any other machine.

    A step that was under way is waited for first. An older process of the run can do nothing from then on.

    Exit codes: 0 done, 3 refused, 20 stopped again, 21 needs hands, 22 an outcome is unknown.

      fab run.resume 20261125-021304-7f3a
    """
    from pvefleet.cli.change import Wishes
    from pvefleet.cli.runs import resume_run

    return resume_run(c.fleet, run, Wishes(yes=yes, as_json=c.as_json))


@fleet(names=("run",), follows=True, help={"yes": "Do not ask."})
def undo(c, run, yes=False):
    """Take back what a run has done, the last step first, each through its own gates.

    Exit codes: as run.resume.
    """
    from pvefleet.cli.change import Wishes
    from pvefleet.cli.runs import undo_run

    return undo_run(c.fleet, run, Wishes(yes=yes, as_json=c.as_json))


@fleet(names=("run",))
def pause(c, run):
    """Ask a run to stop before its next step. What is under way is finished.

    Exit codes: 0, 11 no node was told, 20 some were not.
    """
    from pvefleet.cli.runs import pause_run

    return pause_run(c.fleet, run)


@fleet(names=("run",), follows=True, help={"yes": "Do not ask."})
def clean(c, run, yes=False):
    """Put back what an abandoned run has set for a time, through the same gates as setting it, and close it.

    What it did for good stays done. A lease whose owner died before its first step is given up.

    Exit codes: as run.resume.
    """
    from pvefleet.cli.change import Wishes
    from pvefleet.cli.runs import clean_run

    return clean_run(c.fleet, run, Wishes(yes=yes, as_json=c.as_json))

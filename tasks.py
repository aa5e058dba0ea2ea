"""``inv`` on a node: the same tasks with that node's own view. On a workstation: the lab and the developers' chores."""

from invoke import Collection, task
from invoke.exceptions import Exit

import fabfile
from lab.cli import ns as lab


@task(auto_shortflags=False)
def demo(_):
    """Show the status of a lab cluster: healthy, with a node killed, healthy again."""
    from lab.demo import demo as show
    from lab.errors import LabError

    try:
        show()
    except LabError as error:
        raise Exit(f"demo: {error}", code=3) from error


@task(auto_shortflags=False)
def docs(_):
    """Write the generated files under docs/: findings and schemas."""
    from docs.generate import write

    for path in write():
        print(path)


@task(
    auto_shortflags=False,
    help={"only": "One measure: startup, parsing, large, connection, status.", "quick": "Fewer runs, no large lab."},
)
def bench(_, only="", quick=False):
    """Measure the tool against others; a whole run, some quarter of an hour, is kept in benchmarks/results.md."""
    from benchmarks.commands import BenchError
    from benchmarks.run import main

    try:
        main(only, brief=quick)
    except BenchError as error:
        raise Exit(f"bench: {error}", code=3) from error


ns = Collection(*fabfile.ns.collections.values(), bench, demo, docs, lab=lab)
ns.configure({"pvefleet_local": True})

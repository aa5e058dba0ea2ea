"""Tasks: what a function in fabfile/ becomes. Refuses foreign contexts, renders reports, maps errors to exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.tasks import Task

from pvefleet.cli.scope import Targets
from pvefleet.model.errors import ExitCode, PvefleetError, UsageError

_PASSES = frozenset({ExitCode.OK, ExitCode.WARNING, ExitCode.CRITICAL})
"""After these a further task of the same command line still runs: they speak of the cluster, not of the command."""

NODE_ARGUMENT = "node"
"""The argument by which a task takes its one target: ``fab node.power pve02 off``."""


class FleetTask(Task[Any]):
    """A task that acts on a fleet and returns a report.

    Args:
        body: the function; its docstring is what ``--help`` shows.
        name: what an operator types, where it is not the function's name.
        targets: how many nodes it takes.
        connects: does it use connections to the nodes? One that does not may be about nodes that refuse a login.
        reads: is it a report of facts alone? Then it can be recorded and replayed.
        local: can it run on a node, with that node's view alone?
        changes: does it return a procedure? Then it is planned, asked about and run.
        follows: does it tell events while it runs? Then ``--json`` prints lines, the report last.
        names: arguments given by their place, in order; one called ``node`` names the target instead of ``-H``.
        iterable: options that may be repeated; each is a list.
        help: option name to help text.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        name: str | None = None,
        targets: Targets = Targets.ANY,
        connects: bool = True,
        reads: bool = False,
        local: bool = False,
        changes: bool = False,
        follows: bool = False,
        names: Sequence[str] = (),
        iterable: Sequence[str] = (),
        help: dict[str, str] | None = None,
    ) -> None:
        super().__init__(
            body,
            name=name,
            positional=tuple(names),
            iterable=tuple(iterable),
            auto_shortflags=False,
            help=help or {},
        )
        self.targets = targets
        self.connects = connects
        self.reads = reads
        self.local = local
        self.changes = changes
        self.follows = follows or changes
        self.names_node = NODE_ARGUMENT in names

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the body's arguments and the common flags."""
        arguments = list(super().get_arguments(ignore_unknown_help))
        if self.reads:
            arguments.append(Argument(names=("record",), help="Keep what the nodes said in this new folder."))
            arguments.append(Argument(names=("replay",), help="Read a recording instead of the nodes."))
            arguments.append(Argument(names=("watch",), help="Show it anew every so many seconds, until interrupted."))
        if self.changes:
            arguments += [
                Argument(
                    names=("plan",), kind=bool, default=False, help="Print the plan and end: 0 it would run, 3 not."
                ),
                Argument(names=("yes",), kind=bool, default=False, help="Answer a plain question with yes."),
                Argument(names=("confirm",), help="The text that the plan asks for."),
                Argument(names=("accept",), kind=list, help="Take a risk by name: CODE[:SUBJECT]=REASON. Repeatable."),
            ]
        lines = "JSON lines, the report last," if self.follows else "one JSON document"
        arguments.append(Argument(names=("json",), kind=bool, default=False, help=f"Print {lines} instead of tables."))
        return arguments

    def __call__(self, *args: Any, **kwargs: Any) -> IntEnum:
        """Run the body, render what it returns, and return its exit code.

        Raises:
            Exit: with any code that ends the command line at once.
        """
        from pvefleet.cli.context import FleetContext

        as_json = bool(kwargs.pop("json", False))
        context, rest = args[0], args[1:]
        record, replay, seconds = (kwargs.pop(name, None) for name in ("record", "replay", "watch"))
        with_executor = isinstance(context, FleetContext)
        if not with_executor:
            context = self._on_this_node(context, replay)
        if record:
            context.fleet = replace(context.fleet, record=Path(record))
        context.as_json = as_json
        wishes = (
            {name: kwargs.pop(name, None) for name in ("plan", "yes", "confirm", "accept")} if self.changes else None
        )

        def body() -> Any:
            made = self.body(context, *rest, **kwargs)
            return made if wishes is None else _change(context, made, wishes)

        code = run(body, context, seconds, lines=self.follows and not (wishes and wishes["plan"]))
        context.fleet.close()
        self.times_called += 1
        if code not in _PASSES or (code and not with_executor):
            raise Exit(code=int(code))
        return code

    def _on_this_node(self, context: Any, replay: str | None) -> Any:
        """Return a context for the node we stand on, or refuse: nothing else may run a native command here."""
        from pvefleet.cli.on_node import context_on_node

        try:
            return context_on_node(context, self, replay)
        except PvefleetError as error:
            report_error(error)
            raise Exit(code=int(error.exit_code)) from error


def _change(context: Any, procedure: Any, wishes: dict[str, Any]) -> Any:
    from pvefleet.cli.change import Wishes, change

    return change(
        context.fleet,
        procedure,
        Wishes(
            plan=bool(wishes["plan"]),
            yes=bool(wishes["yes"]),
            confirm=wishes["confirm"] or "",
            accept=tuple(wishes["accept"] or ()),
            as_json=context.as_json,
        ),
    )


def run(body: Callable[[], Any], context: Any, seconds: str | None, *, lines: bool = False) -> IntEnum:
    """Run *body*, render what it returns, and return the exit code; an expected error is told, not raised.

    Args:
        body: returns a report, or an iterator of reports that are shown as they come.
        context: the task's context: knows whether JSON is wanted.
        seconds: the value of ``--watch``, or None.
        lines: print the report as the last of a series of JSON lines.
    """
    try:
        if seconds is not None:
            from pvefleet.cli.repeat import watch

            return watch(body, seconds, as_json=context.as_json, environment=context.fleet.environment)
        report = body()
        if isinstance(report, Iterator):
            from pvefleet.cli.repeat import stream

            return stream(report, as_json=context.as_json)
        from pvefleet.views.present import present

        present(report, as_json=context.as_json, one_line=lines)
        code: IntEnum = report.exit_code
    except PvefleetError as error:
        report_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        report_error(UsageError("interrupted"))
        return ExitCode.INTERRUPTED
    return code


def report_error(error: PvefleetError) -> None:
    """Print an expected error and what to do next on standard error."""
    from pvefleet.views.errors import print_error

    print_error(error.message, error.hint)


def fleet(**options: Any) -> Callable[[Callable[..., Any]], FleetTask]:
    """Make a function a task that acts on a fleet; takes the options of :class:`FleetTask`."""
    return lambda body: FleetTask(body, **options)

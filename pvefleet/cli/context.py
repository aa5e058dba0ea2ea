"""The context of our tasks: Invoke's, with the fleet on it and its ways to run something on this machine shut."""

from __future__ import annotations

from typing import Any, NoReturn

from invoke.config import Config
from invoke.context import Context

from pvefleet.cli.fleet import Fleet


class FleetContext(Context):
    """What the first argument of a task is. ``c.fleet`` is all there is to use."""

    fleet: Fleet
    as_json: bool

    def __init__(self, config: Config, fleet: Fleet) -> None:
        super().__init__(config)
        self._set(fleet=fleet, as_json=False)

    def run(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: on a workstation this would run a native command on the wrong machine."""
        raise TypeError("tasks run commands on nodes only: use c.fleet")

    sudo = run

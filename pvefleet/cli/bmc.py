"""Opening a node's BMC as hosts.toml describes it: where its password comes from, and who is asked for it."""

from __future__ import annotations

import stat
from pathlib import Path

from pvefleet.cli.environment import Environment
from pvefleet.cli.fleet import Fleet
from pvefleet.model.bmc import Bmc
from pvefleet.model.errors import InventoryError, NodeError, UsageError
from pvefleet.model.inventory import NodeEntry, PasswordSource

_COMMAND_SECONDS = 60.0
"""A program that prints a password may have to ask for one itself."""


def bmc_of(fleet: Fleet, entry: NodeEntry) -> Bmc | None:
    """Return the BMC of a node; None where hosts.toml has none. Nothing is connected, and no password fetched, yet."""
    if entry.bmc is None:
        return None
    from pvefleet.nodes.bmc import open_bmc

    source, environment = entry.bmc.password, fleet.environment
    return open_bmc(
        entry.name,
        entry.bmc,
        password=lambda: fetch_password(entry.name, source, environment),
        clock=environment.clock,
        path=environment.variables.get("PATH", "/usr/bin:/bin"),
    )


def fetch_password(node: str, source: PasswordSource, environment: Environment) -> str:
    """Return the password of a node's BMC.

    Args:
        node: the node, for messages.
        source: where it comes from.
        environment: variables, and whether a question can be asked.

    Raises:
        UsageError: there is none to be had there.
        InventoryError: others can read its file.
    """
    whose = f"the BMC password of {node}"
    if source.kind == "env":
        given = environment.variables.get(source.value[0], "")
        if not given:
            raise UsageError(f"{whose} is to come from the variable {source.value[0]}, which is not set")
        return given
    if source.kind == "file":
        return _from_file(whose, Path(source.value[0]))
    if source.kind == "command":
        return _from_command(whose, source.value, environment)
    if not environment.interactive:
        hint = "name another source in hosts.toml: password = { env = ... }, { file = ... } or { command = [...] }"
        raise UsageError(f"{whose} is asked for on the terminal, and there is none", hint=hint)
    from pvefleet.views.prompt import ask_secret

    return ask_secret(f"Password of the BMC of {node}: ")


def _from_file(whose: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise InventoryError(f"others can read {whose}: {path}", hint=f"chmod 600 {path}")
            line = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{whose} cannot be read: {error}") from error
    if not line:
        raise UsageError(f"{whose} is not in the first line of {path}")
    return line


def _from_command(whose: str, argv: tuple[str, ...], environment: Environment) -> str:
    from pvefleet.nodes.local import LocalNode

    try:
        result = LocalNode("this machine", dict(environment.variables)).run(argv, timeout=_COMMAND_SECONDS)
    except NodeError as error:
        raise UsageError(f"{whose}: {argv[0]} did not end") from error
    line = result.text.partition("\n")[0].rstrip("\r")
    if result.exit != 0 or not line:
        # Its standard output is not repeated: it may hold the password.
        why = result.error_text.strip().splitlines()
        raise UsageError(f"{whose}: {argv[0]} exited {result.exit}" + (f": {why[-1]}" if why else ""))
    return line

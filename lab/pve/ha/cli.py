"""`ha-manager`: the command line of HA, of the release the node plays."""

from __future__ import annotations

import os
from collections.abc import Callable

from lab.pve import arguments, cfs
from lab.pve.cfs import CommandError
from lab.pve.layout import NodeSettings

from . import cli_crm, cli_groups, cli_resources, cli_rules, versions
from .cli_context import Context, Options
from .files import Files

Command = Callable[[Context, list[str], Options], int]


def commands(context: Context) -> dict[str, Command]:
    """The commands of the node's release, by name."""
    known: dict[str, Command] = {
        "add": cli_resources.add,
        "config": cli_resources.config,
        "crm-command": cli_crm.command,
        "groupadd": cli_groups.add,
        "groupconfig": cli_groups.config,
        "groupremove": cli_groups.remove,
        "groupset": cli_groups.change,
        "help": _help,
        "migrate": lambda context, words, _: cli_crm.move(context, "migrate", words),
        "relocate": lambda context, words, _: cli_crm.move(context, "relocate", words),
        "remove": cli_resources.remove,
        "set": cli_resources.change,
        "status": cli_crm.show,
    }
    if context.at_least(versions.RULES):
        known["rules"] = cli_rules.command
    return dict(sorted(known.items()))


def _help(context: Context, words: list[str], _options: Options) -> int:
    """The sub-commands, by which one can see what a release can do."""
    subcommands = {
        "crm-command": ["migrate", "node-maintenance disable", "node-maintenance enable", "relocate", "stop"],
        "rules": ["add", "config", "list", "remove", "set"],
    }
    if context.at_least(versions.DISARM):
        subcommands["crm-command"] += ["arm-ha", "disarm-ha"]
    for name in words[:1] or commands(context):
        for one in sorted(subcommands.get(name, [""])):
            print(f"USAGE: ha-manager {name} {one}".rstrip() + " [ARGS] [OPTIONS]")
    return 0


def run(context: Context, argv: list[str]) -> int:
    """Run one command.

    Raises:
        CommandError: it is refused.
    """
    known = commands(context)
    name, *rest = argv or [""]
    found = [one for one in known if one == name] or [one for one in known if name and one.startswith(name)]
    if len(found) != 1:
        wrong = f"ERROR: unknown command 'ha-manager {name}'" if name else "ERROR: no command specified"
        raise CommandError(f"{wrong}\nUSAGE: ha-manager <COMMAND> [ARGS] [OPTIONS]")
    words, options = arguments.split(rest)
    return known[found[0]](context, words, options)


def _utf8() -> bool:
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    return "utf" in locale.lower()


def main(argv: list[str]) -> int:
    """Run one ha-manager command."""
    context = Context(NodeSettings.load(), Files(), _utf8())
    return cfs.run(lambda: run(context, argv))

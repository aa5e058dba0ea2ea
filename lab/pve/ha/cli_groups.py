"""`ha-manager groupconfig|groupadd|groupset|groupremove`: for Proxmox VE 8; from 9 on they are refused."""

from __future__ import annotations

from lab.pve import arguments
from lab.pve.cfs import CommandError

from . import schema, versions
from .cli_context import MIGRATED, Context, Options
from .section import Section

_FLAGS = ("restricted", "nofailback")
_OPTIONS = ("nodes", "comment", "type", *_FLAGS)
ADD, SET = "ha-manager groupadd <group> --nodes <string> [OPTIONS]", "ha-manager groupset <group> [OPTIONS]"
REMOVE = "ha-manager groupremove <group>"


def _refuse_migrated(context: Context, verb: str) -> None:
    if context.at_least(versions.RULES) and not context.files.groups():
        raise CommandError(f"cannot {verb}: {MIGRATED}", 2)


def config(context: Context, _words: list[str], _options: Options) -> int:
    """Print the groups."""
    _refuse_migrated(context, "index groups")
    for name, group in sorted(context.files.groups().items()):
        print(f"group: {name}")
        for key in sorted(group.options):
            print(f"\t{key} {group.options[key]}")
        print()
    return 0


def _checked(options: Options, usage: str) -> None:
    schema.known(options, (*_OPTIONS, "digest", "delete"), usage)
    schema.flags(options, _FLAGS, usage)
    options.pop("type", None)


def add(context: Context, words: list[str], options: Options) -> int:
    """Make a group."""
    arguments.count(words, ADD, least=1)
    _checked(options, ADD)
    if "nodes" not in options:
        raise schema.refused("nodes", "property is missing and it is not optional", ADD)
    _refuse_migrated(context, "create group")
    context.require_quorum()
    with context.files.locked():
        groups = context.files.groups()
        if words[0] in groups:
            raise CommandError(f"create ha group failed: ha group ID '{words[0]}' already defined")
        context.files.write_groups(groups | {words[0]: Section("group", words[0], options)})
    return 0


def change(context: Context, words: list[str], options: Options) -> int:
    """Change a group."""
    arguments.count(words, SET, least=1)
    _checked(options, SET)
    _refuse_migrated(context, "update group")
    context.require_quorum()
    with context.files.locked():
        schema.same_digest(options, context.files, "ha/groups.cfg")
        groups = context.files.groups()
        if words[0] not in groups:
            raise CommandError(f"no such ha group '{words[0]}'")
        gone = schema.removed(options)
        kept = {key: value for key, value in groups[words[0]].options.items() if key not in gone}
        context.files.write_groups(groups | {words[0]: Section("group", words[0], kept | options)})
    return 0


def remove(context: Context, words: list[str], _options: Options) -> int:
    """Remove a group that nobody uses; one that does not exist is no error."""
    arguments.count(words, REMOVE, least=1)
    _refuse_migrated(context, "delete group")
    context.require_quorum()
    with context.files.locked():
        users = [sid for sid, one in context.files.resources().items() if one.get("group") == words[0]]
        if users:
            raise CommandError(f"delete ha group failed: ha group is used by service '{users[0]}'")
        groups = context.files.groups()
        groups.pop(words[0], None)
        context.files.write_groups(groups)
    return 0

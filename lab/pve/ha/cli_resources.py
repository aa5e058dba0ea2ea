"""`ha-manager config|add|set|remove`: guests under HA."""

from __future__ import annotations

from lab.pve import arguments
from lab.pve.cfs import CommandError

from . import schema, versions
from .cli_context import Context, Options
from .placement import priorities

_OPTIONS = ("state", "comment", "failback", "max_restart", "max_relocate", "group", "type")
ADD, SET = "ha-manager add <sid> [OPTIONS]", "ha-manager set <sid> [OPTIONS]"
REMOVE, CONFIG = "ha-manager remove <sid> [OPTIONS]", "ha-manager config [OPTIONS]"


def config(context: Context, _words: list[str], options: Options) -> int:
    """Print what is set explicitly."""
    schema.known(options, ("type",), CONFIG)
    resources = context.files.resources()
    groups = context.files.groups()
    for sid in sorted(resources):
        if options.get("type", sid[:2]) != sid[:2]:
            continue
        print(sid)
        for key in sorted(resources[sid]):
            if key == "group" and resources[sid][key] not in groups:
                context.error(f"error: property 'group' - group '{resources[sid][key]}' does not exist")
            print(f"\t{key} {resources[sid][key]}")
        print()
    return 0


def _checked(context: Context, options: Options, usage: str) -> None:
    schema.known(options, (*_OPTIONS, "digest", "delete"), usage)
    if "state" in options:
        schema.one_of("state", options["state"], schema.STATES, usage)
    schema.flags(options, ("failback",), usage)
    schema.numbers(options, ("max_restart", "max_relocate"), usage)
    if "group" in options and context.at_least(versions.RULES):
        raise CommandError("invalid parameter 'group': ha groups have been migrated to rules")
    options.pop("type", None)


def add(context: Context, words: list[str], options: Options) -> int:
    """Put a guest under HA; without `--state` it is to be started."""
    arguments.count(words, ADD, least=1)
    sid = schema.sid(words[0], context.files, ADD)
    _checked(context, options, ADD)
    kind, _, vmid = sid.partition(":")
    owner = context.files.owner(vmid)
    if owner is None:
        raise CommandError(f"resource '{sid}' does not exist in cluster")
    if context.at_least(versions.CHECKS_TYPE) and (owner[1] == "qemu") != (kind == "vm"):
        word = "VM" if kind == "vm" else "container"
        raise CommandError(f"resource '{sid}' - guest with ID {vmid} is not a {word}")
    context.require_quorum()
    with context.files.locked():
        resources = context.files.resources()
        if sid in resources:
            raise CommandError(f"create resource failed: resource ID '{sid}' already defined")
        context.files.write_resources(resources | {sid: options})
    return 0


def change(context: Context, words: list[str], options: Options) -> int:
    """Change what is set for a guest."""
    arguments.count(words, SET, least=1)
    sid = schema.sid(words[0], context.files, SET)
    _checked(context, options, SET)
    group = options.get("group")
    if group is not None and group not in context.files.groups():
        raise CommandError(f"HA group '{group}' does not exist")
    if options.get("state") != "disabled":
        context.refuse_error_state(sid)
    context.require_quorum()
    with context.files.locked():
        schema.same_digest(options, context.files, "ha/resources.cfg")
        resources = context.files.resources()
        if sid not in resources:
            raise CommandError(f"update resources config failed: no such resource '{sid}'")
        gone = schema.removed(options)
        kept = {key: value for key, value in resources[sid].items() if key not in gone}
        context.files.write_resources(resources | {sid: kept | options})
    return 0


def remove(context: Context, words: list[str], options: Options) -> int:
    """Take a guest out of HA; it goes on as it is. Its rules lose it unless `--purge 0`."""
    arguments.count(words, REMOVE, least=1)
    sid = schema.sid(words[0], context.files, REMOVE)
    purges = context.at_least(versions.PURGE)
    schema.known(options, ("purge",) if purges else (), REMOVE)
    schema.flags(options, ("purge",), REMOVE)
    context.require_quorum()
    with context.files.locked():
        resources = context.files.resources()
        if sid not in resources:
            raise CommandError(f"cannot delete service '{sid}', not HA managed!")
        del resources[sid]
        context.files.write_resources(resources)
        if purges and options.get("purge", "1") == "1":
            _purge(context, sid)
    return 0


def _purge(context: Context, sid: str) -> None:
    rules = context.files.rules()
    concerned = [name for name, rule in rules.items() if sid in rule.options.get("resources", "").split(",")]
    for name in concerned:
        left = [one for one in rules[name].options["resources"].split(",") if one != sid]
        if left:
            rules[name].options["resources"] = ",".join(left)
        else:
            del rules[name]
    if concerned:
        context.files.write_rules(rules)


def nodes_of(text: str) -> list[str]:
    """The nodes named in a list with priorities."""
    return list(priorities(text))

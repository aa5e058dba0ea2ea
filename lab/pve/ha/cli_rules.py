"""`ha-manager rules list|config|add|set|remove`, from Proxmox VE 9 on."""

from __future__ import annotations

import json

from lab.pve import arguments
from lab.pve.cfs import CommandError

from . import schema, versions
from .cli_context import Context, Options
from .feasible import members, problems
from .placement import priorities
from .section import Section, decoded, encoded
from .table import table

TYPES = ("node-affinity", "resource-affinity")
_OWN = {"node-affinity": ("nodes", "strict"), "resource-affinity": ("affinity",)}
_COMMON = ("resources", "disable", "comment")
LIST, CONFIG = "ha-manager rules list [OPTIONS] [FORMAT_OPTIONS]", "ha-manager rules config [OPTIONS] [FORMAT_OPTIONS]"
ADD = "ha-manager rules add <type> <rule> --resources <string> [OPTIONS]"
SET = "ha-manager rules set <type> <rule> [OPTIONS]"
REMOVE = "ha-manager rules remove <rule>"
_COLUMNS = ("enabled", "state", "rule", "type", "resources", "comment")


def _rows(context: Context, options: Options, usage: str, *, judged: bool) -> list[dict[str, object]]:
    schema.known(options, ("type", "resource", "output-format"), usage)
    if "type" in options:
        schema.one_of("type", options["type"], TYPES, usage)
    rules, digest = context.files.rules(), context.files.digest("ha/rules.cfg")
    wrong = problems(rules)
    rows: list[dict[str, object]] = []
    for order, (name, rule) in enumerate(rules.items(), 1):
        if options.get("type", rule.type) != rule.type:
            continue
        if "resource" in options and options["resource"] not in members(rule):
            continue
        row: dict[str, object] = {"rule": name, "type": rule.type, "order": order, "digest": digest, **rule.options}
        if "comment" in rule.options:
            row["comment"] = decoded(rule.options["comment"])
        row |= {key: 1 for key in ("disable", "strict") if rule.options.get(key) == "1"}
        if name in wrong:
            row["errors"] = wrong[name]
        if judged:
            row |= {"enabled": int("disable" not in rule.options)}
            row["state"] = "ignored (conflicts)" if name in wrong else "in use"
        rows.append(row)
    return rows


def _print(context: Context, rows: list[dict[str, object]], options: Options, columns: tuple[str, ...]) -> None:
    if options.get("output-format", "text") in ("json", "json-pretty"):
        compact = options["output-format"] == "json"
        print(
            json.dumps(rows, sort_keys=True, separators=(",", ":") if compact else None, indent=None if compact else 3)
        )
        return
    shown = [{key: str(row.get(key, "")) for key in columns} for row in rows]
    print(table(sorted(shown, key=lambda row: row["rule"]), columns, utf8=context.utf8), end="")


def show(context: Context, _words: list[str], options: Options) -> int:
    """`list`: in text, the names alone."""
    _print(context, _rows(context, options, LIST, judged=False), options, ("rule",))
    return 0


def config(context: Context, _words: list[str], options: Options) -> int:
    """`config`: in text never the nodes."""
    _print(context, _rows(context, options, CONFIG, judged=True), options, _COLUMNS)
    return 0


def _checked(words: list[str], options: Options, usage: str) -> tuple[str, str]:
    arguments.count(words, usage, least=2)
    kind, name = words
    schema.one_of("type", kind, TYPES, usage)
    schema.rule_id(name, usage)
    for key in options:
        if key not in (*_COMMON, *_OWN[kind], "digest", "delete"):
            reason = "property is not defined in schema and the schema does not allow additional properties"
            raise schema.refused(key, reason, usage)
    schema.flags(options, ("disable", "strict"), usage)
    if "affinity" in options:
        schema.one_of("affinity", options["affinity"], ("positive", "negative"), usage)
    sids = [sid for sid in options.get("resources", "").split(",") if sid]
    if any(":" not in sid for sid in sids):
        raise schema.invalid("resources", "value does not look like a valid ha resource id", usage)
    if "comment" in options:
        options["comment"] = encoded(options["comment"])
    return kind, name


def _refuse_strangers(context: Context, options: Options, what: str) -> None:
    managed = context.files.resources()
    unknown = [sid for sid in options.get("resources", "").split(",") if sid and sid not in managed]
    if unknown:
        raise CommandError(f"{what} failed: cannot use unmanaged resource(s) {', '.join(unknown)}.")
    present = context.files.members(context.settings.name)
    absent = [node for node in priorities(options.get("nodes", "")) if node not in present]
    if absent:
        raise CommandError(f"{what} failed: cannot use non-existent node(s) {', '.join(absent)}.")


def _refuse_problems(rules: dict[str, Section], name: str, what: str) -> None:
    wrong = problems(rules).get(name)
    if wrong:
        texts = [f"{option}: {message}" for option, messages in sorted(wrong.items()) for message in messages]
        raise CommandError("\n".join([f"{what} failed: 400 Rule '{name}' is invalid.", *texts]))


def _refuse_groups(context: Context, verb: str) -> None:
    if context.files.groups():
        raise CommandError(f"cannot {verb} ha rule: ha groups have not been migrated yet")


def add(context: Context, words: list[str], options: Options) -> int:
    """Make a rule."""
    kind, name = _checked(words, options, ADD)
    missing = [key for key in ("resources", "nodes" if kind == TYPES[0] else "affinity") if key not in options]
    if missing:
        key = missing[0] if missing[0] == "resources" else f"oneOf[{kind}].{missing[0]}"
        raise schema.refused(key, "property is missing and it is not optional", ADD)
    _refuse_groups(context, "create")
    context.require_quorum()
    with context.files.locked():
        rules = context.files.rules()
        if name in rules:
            raise CommandError(f"create ha rule failed: HA rule '{name}' already defined")
        _refuse_strangers(context, options, "create ha rule")
        kept = {key: value for key, value in options.items() if not (key == "disable" and value == "0")}
        rules[name] = Section(kind, name, kept)
        _refuse_problems(rules, name, "create ha rule")
        context.files.write_rules(rules)
    return 0


def change(context: Context, words: list[str], options: Options) -> int:
    """Change a rule; `--disable 0` is taken and does nothing, as in the genuine one."""
    kind, name = _checked(words, options, SET)
    _refuse_groups(context, "update")
    context.require_quorum()
    with context.files.locked():
        schema.same_digest(options, context.files, "ha/rules.cfg")
        rules = context.files.rules()
        if name not in rules:
            raise CommandError(f"update HA rules failed: HA rule '{name}' does not exist")
        if rules[name].type != kind:
            raise CommandError("update HA rules failed: unexpected property 'type'")
        _refuse_strangers(context, options, "update HA rules")
        gone = schema.removed(options)
        if options.get("disable") == "0":
            del options["disable"]
        kept = {key: value for key, value in rules[name].options.items() if key not in gone}
        rules[name] = Section(kind, name, kept | options)
        _refuse_problems(rules, name, "update HA rules")
        context.files.write_rules(rules)
    return 0


def remove(context: Context, words: list[str], _options: Options) -> int:
    """Remove a rule; one that does not exist is no error."""
    arguments.count(words, REMOVE, least=1)
    context.require_quorum()
    with context.files.locked():
        rules = context.files.rules()
        rules.pop(words[0], None)
        context.files.write_rules(rules)
    return 0


def command(context: Context, words: list[str], options: Options) -> int:
    """Everything below `rules`."""
    verbs = {"list": show, "config": config, "add": add, "set": change, "remove": remove}
    verb, *rest = words or [""]
    if verb not in verbs or not context.at_least(versions.RULES):
        wrong = f"ERROR: unknown command 'ha-manager rules {verb}'" if verb else "ERROR: no command specified"
        raise CommandError("\n".join([wrong, *(f"USAGE: ha-manager rules {one}" for one in sorted(verbs))]))
    return verbs[verb](context, rest, options)

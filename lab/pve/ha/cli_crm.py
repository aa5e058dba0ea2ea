"""`ha-manager crm-command …` and `status`: orders are queued and 0 is returned, whatever becomes of them."""

from __future__ import annotations

import sys
import time

from lab.pve import arguments
from lab.pve.cfs import CommandError

from . import orders, schema, status, versions
from .cli_context import Context, Options
from .placement import from_groups, from_rules
from .timing import Timing

MOVE = "ha-manager crm-command {verb} <sid> <node>"
STOP = "ha-manager crm-command stop <sid> <timeout>"
MAINTENANCE = "ha-manager crm-command node-maintenance {verb} <node>"
DISARM, ARM = "ha-manager crm-command disarm-ha <resource-mode>", "ha-manager crm-command arm-ha"


def show(context: Context, _words: list[str], options: Options) -> int:
    """`status`."""
    inputs = inputs_of(context)
    print("\n".join(status.lines(inputs)))
    for node, agent in inputs.agents.items():
        if agent is None and node in inputs.manager.get("node_status", {}):
            context.error(f"unable to read file '/etc/pve/nodes/{node}/lrm_status'")
    if options.get("verbose", "0") == "1":
        print(status.full(inputs))
    return 0


def inputs_of(context: Context) -> status.Inputs:
    """Everything `status` is made from."""
    files, name = context.files, context.settings.name
    manager = files.manager_status()
    nodes = sorted({*files.members(name), *manager.get("node_status", {})})
    resources = files.resources()
    numbers = {sid.partition(":")[2] for sid in {*resources, *manager.get("service_status", {})}}
    owners = {number: owner[0] for number in numbers if (owner := files.owner(number))}
    return status.Inputs(
        node=name,
        quorate=files.is_quorate(),
        now=time.time(),
        old=Timing(context.settings.ha_scale).old,
        manager=manager,
        agents={node: files.lrm_status(node) for node in nodes},
        resources=resources,
        owners=owners,
        tells_fencing=context.at_least(versions.DISARM),
    )


def move(context: Context, verb: str, words: list[str]) -> int:
    """`migrate` and `relocate`: queue first, then say what stands in the way."""
    usage = MOVE.format(verb=verb)
    arguments.count(words, usage, least=2)
    sid = schema.sid(words[0], context.files, usage)
    _require_managed(context, sid)
    context.refuse_error_state(sid)
    context.require_quorum()
    context.files.queue(f"{verb} {sid} {words[1]}")
    return _warn_of_affinity(context, verb, sid, words[1])


def _require_managed(context: Context, sid: str) -> None:
    disarm = context.files.manager_status().get("disarm")
    options = context.files.resources().get(sid)
    ignored = options is not None and options.get("state") == "ignored"
    if options is None or ignored or (disarm and disarm["mode"] == "ignore"):
        raise CommandError(f"resource '{sid}' is not HA managed")


def _warn_of_affinity(context: Context, verb: str, sid: str, node: str) -> int:
    resources = context.files.resources()
    affinities = from_rules(context.files.rules())
    if not context.at_least(versions.RULES):
        affinities = from_groups(context.files.groups(), resources)
    services = context.files.manager_status().get("service_status", {})
    for mate in sorted(affinities.mates(sid)):
        print(f"also {verb} resource '{mate}' in positive affinity with resource '{sid}' to target node '{node}'")
    rivals = [one for one in sorted(affinities.rivals(sid)) if services.get(one, {}).get("node") == node]
    if rivals:
        reasons = [
            f"- resource '{one}' on target node '{node}' in negative affinity with resource '{sid}'" for one in rivals
        ]
        raise CommandError("\n".join([f"cannot {verb} resource '{sid}' to node '{node}':", "", *reasons]))
    return 0


def stop(context: Context, words: list[str]) -> int:
    """`stop`."""
    arguments.count(words, STOP, least=2)
    sid = schema.sid(words[0], context.files, STOP)
    schema.numbers({"timeout": words[1]}, ("timeout",), STOP)
    _require_managed(context, sid)
    context.refuse_error_state(sid)
    context.require_quorum()
    context.files.queue(f"{orders.STOP} {sid} {words[1]}")
    return 0


def maintenance(context: Context, words: list[str]) -> int:
    """`node-maintenance enable|disable`."""
    verb = words[0] if words else ""
    if verb not in ("enable", "disable"):
        raise CommandError("USAGE: ha-manager crm-command node-maintenance <COMMAND> [ARGS]")
    arguments.count(words[1:], MAINTENANCE.format(verb=verb), least=1)
    if words[1] not in context.files.members(context.settings.name):
        raise CommandError(f"no such cluster node '{words[1]}'")
    context.require_quorum()
    context.files.queue(f"{orders.ENABLE if verb == 'enable' else orders.DISABLE} {words[1]}")
    return 0


def disarm(context: Context, words: list[str]) -> int:
    """`disarm-ha freeze|ignore`."""
    arguments.count(words, DISARM, least=1)
    schema.one_of("resource-mode", words[0], ("freeze", "ignore"), DISARM)
    context.require_quorum()
    context.files.queue(f"{orders.DISARM} {words[0]}")
    return 0


def arm(context: Context, words: list[str]) -> int:
    """`arm-ha`."""
    arguments.count(words, ARM, least=0)
    context.require_quorum()
    context.files.queue(orders.ARM)
    return 0


def command(context: Context, words: list[str], _options: Options) -> int:
    """Everything below `crm-command`."""
    verb, *rest = words or [""]
    if verb in (orders.MIGRATE, orders.RELOCATE):
        return move(context, verb, rest)
    table = {"stop": stop, "node-maintenance": maintenance}
    if context.at_least(versions.DISARM):
        table |= {"disarm-ha": disarm, "arm-ha": arm}
    if verb not in table:
        known = [orders.MIGRATE, orders.RELOCATE, *table]
        wrong = f"ERROR: unknown command 'ha-manager crm-command {verb}'" if verb else "ERROR: no command specified"
        raise CommandError("\n".join([wrong, *(f"USAGE: ha-manager crm-command {one}" for one in sorted(known))]))
    sys.stdout.flush()
    return table[verb](context, rest)

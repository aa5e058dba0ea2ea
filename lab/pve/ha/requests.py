"""What `qm` and `pct` do with a guest of HA: they ask HA for it, and return before anything has happened."""

from __future__ import annotations

from lab.pve import arguments
from lab.pve.cfs import CommandError
from lab.pve.guests import QEMU, Kind
from lab.pve.layout import NodeSettings

from . import cli
from .cli_context import Context
from .files import Files

_SHUTDOWN_SECONDS = "60"
_VERBS = ("start", "stop", "shutdown", "migrate", "destroy")


def request(kind: Kind, argv: list[str]) -> int | None:
    """Turn a command into an order to HA; None where it is not HA's business.

    Raises:
        CommandError: HA refuses it, or a guest of HA is to be destroyed.
    """
    words, options = arguments.split(argv[1:])
    if not argv or argv[0] not in _VERBS or not words:
        return None
    sid = f"{'vm' if kind is QEMU else 'ct'}:{words[0]}"
    files = Files()
    if not _is_managed(files, sid):
        return None
    if argv[0] == "destroy":
        if "purge" not in options:
            raise CommandError(
                f"unable to remove {kind.word} {words[0]} - used in HA resources and purge parameter not set."
            )
        return None
    if argv[0] == "migrate" and len(words) < 2:
        return None
    said, order = _order(argv[0], sid, words, options)
    print(f"Requesting HA {said.format(guest=f'{kind.word} {words[0]}')}", flush=True)
    return cli.run(Context(NodeSettings.load(), files), order)


def _is_managed(files: Files, sid: str) -> bool:
    options = files.resources().get(sid)
    if options is None or options.get("state") == "ignored":
        return False
    return (files.manager_status().get("disarm") or {}).get("mode") != "ignore"


def _order(verb: str, sid: str, words: list[str], options: dict[str, str]) -> tuple[str, list[str]]:
    if verb == "start":
        return "start for {guest}", ["set", sid, "--state", "started"]
    if verb == "migrate":
        return f"migration for {{guest}} to node {words[1]}", ["crm-command", "migrate", sid, words[1]]
    seconds = "0" if verb == "stop" else options.get("timeout", _SHUTDOWN_SECONDS)
    return "stop for {guest}", ["crm-command", "stop", sid, seconds]

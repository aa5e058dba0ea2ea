"""Checks of parameters as PVE's schemas have them, with their texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lab.pve.cfs import CommandError

from .files import Files

STATES = ("started", "stopped", "enabled", "disabled", "ignored")
_SID = re.compile(r"(vm|ct):([1-9][0-9]*)")
_RULE = re.compile(r"[a-z][a-z0-9_-]+", re.IGNORECASE)


def refused(key: str, reason: str, usage: str) -> CommandError:
    """The error of one parameter."""
    return CommandError(f"400 Parameter verification failed.\n{key}: {reason}\n{usage}")


def invalid(key: str, what: str, usage: str) -> CommandError:
    """One whose form is wrong: perl ends that text with a line's end of its own."""
    return refused(key, f"invalid format - {what}\n", usage)


def sid(text: str, files: Files, usage: str) -> str:
    """A guest's sid; a bare number is looked up.

    Raises:
        CommandError: it is none, or there is no guest of that number.
    """
    if _SID.fullmatch(text):
        return text
    if not re.fullmatch("[1-9][0-9]*", text):
        raise invalid("sid", "value does not look like a valid ha resource id", usage)
    owner = files.owner(text)
    if owner is None:
        raise CommandError(f"unable to detect SID from VMID - VM/CT {text} does not exist")
    return f"{'vm' if owner[1] == 'qemu' else 'ct'}:{text}"


def one_of(key: str, value: str, choices: Sequence[str], usage: str) -> None:
    """Refuse what is not in an enumeration."""
    if value not in choices:
        reason = f"value '{value}' does not have a value in the enumeration '{', '.join(choices)}'"
        raise refused(key, reason, usage)


def rule_id(text: str, usage: str) -> None:
    """Refuse a name that no rule or group can have."""
    if not _RULE.fullmatch(text):
        raise invalid("rule", f"invalid configuration ID '{text}'", usage)


def known(options: Mapping[str, str], names: Sequence[str], usage: str) -> None:
    """Refuse options a command does not have."""
    for name in options:
        if name not in names:
            raise CommandError(f"Unknown option: {name}\n400 unable to parse option\n{usage}")


def flags(options: dict[str, str], names: Sequence[str], usage: str) -> None:
    """Bring booleans into their one form."""
    words = {"1": "1", "on": "1", "yes": "1", "true": "1", "0": "0", "off": "0", "no": "0", "false": "0"}
    for name in names:
        if name in options:
            value = words.get(options[name].lower())
            if value is None:
                raise refused(name, f"type check ('boolean') failed - got '{options[name]}'", usage)
            options[name] = value


def numbers(options: Mapping[str, str], names: Sequence[str], usage: str) -> None:
    """Refuse what is no number."""
    for name in names:
        if name in options and not options[name].isdigit():
            raise refused(name, f"type check ('integer') failed - got '{options[name]}'", usage)


def same_digest(options: dict[str, str], files: Files, name: str) -> None:
    """Refuse to change a file that is not the one the caller has read."""
    digest = options.pop("digest", None)
    if digest is not None and digest != files.digest(name):
        raise CommandError("detected modified configuration - file changed by other user? Try again.")


def removed(options: dict[str, str]) -> list[str]:
    """The names given to `--delete`."""
    text = options.pop("delete", "")
    return [word for word in re.split(r"[,; ]+", text) if word]

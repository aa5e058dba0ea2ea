"""`systemd-run`: transient services, timers (--on-active), --wait, --pipe and --scope."""

from __future__ import annotations

import os
import sys
import uuid

from . import client, unitfiles

_VALUES = {
    "-u": "unit", "--unit": "unit", "-p": "property", "--property": "property", "-E": "setenv", "--setenv": "setenv",
    "--description": "description", "--timer-property": "timer-property",
    "--on-calendar": "OnCalendar", "--on-active": "OnActiveSec",
    "--on-boot": "OnBootSec", "--on-startup": "OnStartupSec",
    "--on-unit-active": "OnUnitActiveSec", "--on-unit-inactive": "OnUnitInactiveSec",
    "--service-type": "Type", "--uid": "User", "--working-directory": "WorkingDirectory", "--slice": "slice",
    "--nice": "nice", "--gid": "gid",
}  # fmt: skip
_FLAGS = (
    "--wait", "-P", "--pipe", "-G", "--collect", "-q", "--quiet", "--no-block", "-r", "--remain-after-exit", "--scope",
    "-d", "--same-dir", "--no-ask-password", "--system", "-t", "--pty",
)  # fmt: skip
_SPAN_KEYS = ("OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec")
_TIMER_KEYS = (*_SPAN_KEYS, "OnCalendar")


class UsageError(Exception):
    """A command line systemd-run would refuse."""


def split(argv: list[str]) -> tuple[dict[str, list[str]], set[str], list[str]]:
    """Options with values, flags, and the command with its arguments.

    Raises:
        UsageError: an unknown option or a missing value.
    """
    values: dict[str, list[str]] = {}
    flags: set[str] = set()
    rest = list(argv)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, separator, value = word.partition("=")
        if separator and name in _VALUES:
            values.setdefault(_VALUES[name], []).append(value)
        elif word in _VALUES:
            if not rest:
                raise UsageError(f"systemd-run: option '{word}' requires an argument")
            values.setdefault(_VALUES[word], []).append(rest.pop(0))
        elif word in _FLAGS:
            flags.add(word)
        elif word[:2] in _VALUES and not word.startswith("--"):
            values.setdefault(_VALUES[word[:2]], []).append(word[2:])
        else:
            raise UsageError(f"systemd-run: unrecognized option '{word}'")
    return values, flags, rest


def request(values: dict[str, list[str]], flags: set[str], command: list[str]) -> dict[str, object]:
    """What to ask of PID 1."""
    name = values.get("unit", [f"run-{uuid.uuid4().hex[:10]}"])[-1]
    base = name.removesuffix(".service").removesuffix(".timer")
    service = [("Service", "ExecStart", [_quoted(command)])]
    service.append(("Unit", "Description", [values.get("description", [" ".join(command)])[-1]]))
    for item in values.get("property", []):
        key, _, value = item.partition("=")
        section = "Unit" if key in ("Description", "After", "Requires", "ConditionPathExists") else "Service"
        service.append((section, key, [value]))
    service += [("Service", key, values[key][-1:]) for key in ("Type", "User", "WorkingDirectory") if key in values]
    if flags & {"-d", "--same-dir"}:
        service.append(("Service", "WorkingDirectory", [os.getcwd()]))  # noqa: PTH109
    if flags & {"-r", "--remain-after-exit"}:
        service.append(("Service", "RemainAfterExit", ["yes"]))
    if "setenv" in values:
        assignments = [each if "=" in each else f"{each}={os.environ.get(each, '')}" for each in values["setenv"]]
        service.append(("Service", "Environment", assignments))
    timer = [("Timer", key, values[key]) for key in _TIMER_KEYS if key in values]
    timer += [
        ("Timer", key, [value]) for key, _, value in (item.partition("=") for item in values.get("timer-property", []))
    ]
    has_timer = any(key in values for key in _TIMER_KEYS)
    return {
        "op": "run",
        "service": {"name": f"{base}.service", "settings": service},
        "timer": {"name": f"{base}.timer", "settings": [*timer, service[1]]} if has_timer else None,
        "collect": bool(flags & {"-G", "--collect"}),
        "wait": "--wait" in flags or bool(flags & {"-P", "--pipe", "-t", "--pty"}),
    }


def _quoted(command: list[str]) -> str:
    """The command as an Exec= line: quoted, and with nothing left to expand."""
    import shlex

    return " ".join(shlex.quote(word.replace("%", "%%")) for word in command)


def main(argv: list[str]) -> int:
    """Run one systemd-run command."""
    try:
        values, flags, command = split(argv)
        for key in _SPAN_KEYS:
            for value in values.get(key, []):
                unitfiles.timespan(value)
    except (UsageError, ValueError) as error:
        print(str(error), file=sys.stderr)
        return 1
    if not command:
        print("Command line to execute required.", file=sys.stderr)
        return 1
    if "--scope" in flags:
        return _scope(command)
    ask = request(values, flags, command)
    piped = bool(flags & {"-P", "--pipe", "-t", "--pty"})
    answer = client.ask(ask, (0, 1, 2) if piped else ())
    return _report(answer, ask, flags)


def _scope(command: list[str]) -> int:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"Failed to execute: {error.strerror}", file=sys.stderr)
        return 203


def _report(answer: dict[str, object], ask: dict[str, object], flags: set[str]) -> int:
    if "exists" in answer:
        kind = "timer" if ask["timer"] else "service"
        name = answer["exists"]
        print(
            f"Failed to start transient {kind} unit: Unit {name} was already loaded or has a fragment file.",
            file=sys.stderr,
        )
        return 1
    service, timer = ask["service"], ask["timer"]
    assert isinstance(service, dict)
    name = service["name"]
    quiet = bool(flags & {"-q", "--quiet"})
    if isinstance(timer, dict):
        if not quiet:
            print(f"Running timer as unit: {timer['name']}\nWill run service as unit: {name}", file=sys.stderr)
        return 0
    if not quiet:
        print(f"Running as unit: {name}", file=sys.stderr)
    unit = answer.get("unit")
    if not ask["wait"] or not isinstance(unit, dict):
        return 1 if "failed" in answer else 0
    if not quiet:
        print(f"Finished with result: {unit['result']}", file=sys.stderr)
        print(f"Main processes terminated with: code={unit['exit_code']}/status={unit['exit_status']}", file=sys.stderr)
    if unit["exit_code"] == "killed":
        return 128 + int(unit["exit_status"])
    return int(unit["exit_status"])

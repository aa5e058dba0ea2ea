"""`systemctl`: the verbs operators and testinfra use; exit codes as systemd's (0, 1, 3 inactive, 4 no such unit, 5)."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Sequence
from typing import Any

from . import client, journal, unitfiles
from .properties import properties, stamp

VALUE_OPTIONS = (
    "-p",
    "--property",
    "-t",
    "--type",
    "--state",
    "-n",
    "--lines",
    "-o",
    "--output",
    "-s",
    "--signal",
    "--root",
)
JOBS = ("start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart")


class Options:
    """The command line, options and words apart."""

    def __init__(self, argv: list[str]) -> None:
        self.words: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.flags: set[str] = set()
        rest = iter(argv)
        for word in rest:
            name, separator, value = word.partition("=")
            if word == "--":
                self.words += rest
            elif separator and name.startswith("-"):
                self.values.setdefault(name, []).append(value)
            elif word in VALUE_OPTIONS:
                self.values.setdefault(word, []).append(next(rest, ""))
            elif word[:2] in ("-p", "-n", "-t", "-o") and len(word) > 2 and word[1] != "-":
                self.values.setdefault(word[:2], []).append(word[2:])
            elif word.startswith("-") and word != "-":
                self.flags.add(word)
            else:
                self.words.append(word)

    def list(self, *names: str) -> list[str]:
        """The comma-separated values of an option."""
        return [part for name in names for value in self.values.get(name, []) for part in value.split(",") if part]

    def flag(self, *names: str) -> bool:
        """Whether one of these options is there."""
        return any(name in self.flags for name in names)


def main(argv: list[str]) -> int:
    """Run one systemctl command."""
    options = Options(argv)
    verb, *names = options.words or ["list-units"]
    units = [unitfiles.canonical(name) for name in names]
    if options.flag("--version") or verb == "--version":
        print("systemd 257 (257.9-1~deb13u1)")
        return 0
    if verb in JOBS:
        return max((_job(verb, unit, options) for unit in units), default=1)
    if verb in ("is-active", "is-failed"):
        return _is(verb, units, options)
    table = {
        "is-enabled": _is_enabled,
        "enable": _enable,
        "disable": _enable,
        "mask": _mask,
        "unmask": _mask,
        "status": _status,
        "show": _show,
        "list-units": _list_units,
        "list-timers": _list_timers,
        "list-unit-files": _list_unit_files,
        "cat": _cat,
        "reset-failed": _reset_failed,
        "is-system-running": _is_system_running,
        "daemon-reload": _nothing,
        "daemon-reexec": _nothing,
        "poweroff": _shutdown,
        "reboot": _shutdown,
        "halt": _shutdown,
        "shutdown": _shutdown,
        "kill": _kill,
    }
    if verb not in table:
        print(f"Unknown command verb '{verb}'.", file=sys.stderr)
        return 1
    return table[verb](verb, units, options)


def _job(verb: str, unit: str, options: Options) -> int:
    operation = verb
    if verb.startswith("try-"):
        state = client.ask({"op": "show", "unit": unit})["unit"]
        if state is None or state["active"] != "active":
            return 0
        operation = verb.removeprefix("try-")
    if operation == "reload-or-restart":
        file = unitfiles.read(unit)
        state = client.ask({"op": "show", "unit": unit})["unit"]
        can_reload = file is not None and file.all("Service", "ExecReload") and state and state["active"] == "active"
        operation = "reload" if can_reload else "restart"
    if unitfiles.enablement(unit) == "masked" and operation in ("start", "restart"):
        print(f"Failed to {verb} {unit}: Unit {unit} is masked.", file=sys.stderr)
        return 1
    answer = client.ask({"op": operation, "unit": unit, "wait": not options.flag("--no-block")})
    if answer.get("missing"):
        # systemctl says "start" of a unit it cannot find and "stop" of one that is not loaded
        tail = "not loaded" if operation == "stop" else "not found"
        print(f"Failed to {verb} {unit}: Unit {unit} {tail}.", file=sys.stderr)
        return 5
    if "failed" not in answer:
        return 0
    if answer["failed"] == "reload":
        print(f"Failed to {verb} {unit}: Job type reload is not applicable for unit {unit}.", file=sys.stderr)
        return 1
    if answer["failed"] == "dependency":
        print(f"A dependency job for {unit} failed. See 'journalctl -xe' for details.", file=sys.stderr)
        return 1
    because = {
        "exit-code": "the control process exited with error code",
        "timeout": "a timeout was exceeded",
        "signal": "a fatal signal was delivered to the control process",
        "exec": "the control process exited with error code",
        "protocol": "the service did not take the steps required by its unit configuration",
    }.get(answer["failed"], "the control process exited with error code")
    print(f"Job for {unit} failed because {because}.", file=sys.stderr)
    print(f'See "systemctl status {unit}" and "journalctl -xeu {unit}" for details.', file=sys.stderr)
    return 1


def _states(units: list[str]) -> list[dict[str, Any] | None]:
    return [client.ask({"op": "show", "unit": unit})["unit"] for unit in units]


def _is(verb: str, units: list[str], options: Options) -> int:
    states = _states(units)
    words = [state["active"] if state else "inactive" for state in states]
    if not options.flag("-q", "--quiet"):
        print("\n".join(words))
    if verb == "is-failed":
        return 0 if "failed" in words else 1
    if "active" in words or "reloading" in words:
        return 0
    return 4 if all(state is None for state in states) else 3


def _is_enabled(_verb: str, units: list[str], options: Options) -> int:
    worst = 0
    for unit in units:
        state = unitfiles.enablement(unit)
        if not state:
            print(f"Failed to get unit file state for {unit}: No such file or directory", file=sys.stderr)
            worst = max(worst, 4)
            continue
        if not options.flag("-q", "--quiet"):
            print(state)
        worst = max(worst, 0 if state in ("enabled", "static", "alias") else 1)
    return worst


def _enable(verb: str, units: list[str], options: Options) -> int:
    for name in units:
        unit = unitfiles.read(name)
        if unit is None or unit.path is None:
            print(f"Failed to {verb} unit: Unit {name} does not exist", file=sys.stderr)
            return 1
        for link in unitfiles.links(unit):
            if verb == "enable" and not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(unit.path)
                print(f"Created symlink '{link}' → '{unit.path}'.", file=sys.stderr)
            elif verb == "disable" and link.is_symlink():
                link.unlink()
                print(f"Removed '{link}'.", file=sys.stderr)
    if options.flag("--now"):
        return max((_job("start" if verb == "enable" else "stop", name, options) for name in units), default=0)
    return 0


def _mask(verb: str, units: list[str], _options: Options) -> int:
    for name in units:
        link = unitfiles.ENABLE_DIR / name
        if verb == "mask" and not link.exists():
            link.symlink_to("/dev/null")
            print(f"Created symlink '{link}' → '/dev/null'.", file=sys.stderr)
        elif verb == "unmask" and link.is_symlink() and str(link.readlink()) == "/dev/null":
            link.unlink()
            print(f"Removed '{link}'.", file=sys.stderr)
    return 0


def _status(_verb: str, units: list[str], options: Options) -> int:
    worst = 0
    for number, unit in enumerate(units):
        state = client.ask({"op": "show", "unit": unit})["unit"]
        if state is None:
            print(f"Unit {unit} could not be found.", file=sys.stderr)
            worst = max(worst, 4)
            continue
        if number:
            print()
        _print_status(state, options)
        worst = max(worst, 0 if state["active"] in ("active", "reloading") else 3)
    return worst


def _print_status(state: dict[str, Any], options: Options) -> None:
    mark = {"active": "●", "failed": "×", "activating": "●", "deactivating": "●"}.get(state["active"], "○")
    title = f" - {state['description']}" if state["description"] != state["name"] else ""
    print(f"{mark} {state['name']}{title}")
    if state["transient"]:
        print(f"     Loaded: loaded (/run/systemd/transient/{state['name']}; transient)")
    else:
        enabled = unitfiles.enablement(state["name"])
        print(f"     Loaded: loaded ({state['path']}; {enabled}; preset: enabled)")
    detail = f"(Result: {state['result']})" if state["active"] == "failed" else f"({state['sub']})"
    since = stamp(state["started_at"] if state["active"] == "active" else state["ended_at"])
    print(f"     Active: {state['active']} {detail}{f' since {since}' if since else ''}")
    if state.get("next_at"):
        print(f"    Trigger: {stamp(state['next_at'])}\n   Triggers: ● {state['target']}")
    elif state.get("main_pid"):
        print(f"   Main PID: {state['main_pid']} ({_comm(state['main_pid'])})")
    elif state.get("last_pid"):
        code = f"code={state['exit_code']}, status={state['exit_status']}"
        print(f"   Main PID: {state['last_pid']} ({code}{'/SUCCESS' if state['exit_status'] == 0 else ''})")
    lines = int((options.list("-n", "--lines") or ["10"])[0])
    records = journal.read((state["name"].removesuffix(".service"),))[-lines:] if lines else []
    if records:
        from .journalctl import short

        print()
        print("\n".join(short(record) for record in records))


def _comm(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm") as file:  # noqa: PTH123 - one line, no need of pathlib
            return file.read().strip()
    except OSError:
        return "n/a"


def _show(_verb: str, units: list[str], options: Options) -> int:
    wanted = options.list("-p", "--property", "-P")
    for number, unit in enumerate(units):
        if number:
            print()
        known = properties(unit, client.ask({"op": "show", "unit": unit})["unit"])
        for key in [key for key in known if key in wanted] if wanted else known:
            print(known[key] if options.flag("--value") or "-P" in options.values else f"{key}={known[key]}")
    return 0


def _list_units(_verb: str, patterns: list[str], options: Options) -> int:
    states = client.ask({"op": "list"})["units"]
    kinds = options.list("-t", "--type")
    wanted = options.list("--state") or (["failed"] if options.flag("--failed") else [])
    rows = []
    for state in sorted(states, key=lambda state: state["name"]):
        if kinds and state["name"].rpartition(".")[2] not in kinds:
            continue
        if patterns and not any(fnmatch.fnmatchcase(state["name"], pattern) for pattern in patterns):
            continue
        if wanted and not {state["active"], state["sub"]} & set(wanted):
            continue
        if not wanted and not options.flag("-a", "--all") and state["active"] == "inactive":
            continue
        rows.append((state["name"], "loaded", state["active"], state["sub"], state["description"]))
    _table(("UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION"), rows, options)
    if not options.flag("--no-legend", "--plain-legend"):
        print(f"\n{len(rows)} loaded units listed.")
    return 0


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], options: Options) -> None:
    lines = rows if options.flag("--no-legend") else [header, *rows]
    widths = [max((len(row[column]) for row in lines), default=0) for column in range(len(header))]
    margin = "" if options.flag("--plain", "--no-legend") else "  "
    for row in lines:
        print(margin + " ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _list_timers(_verb: str, _patterns: list[str], options: Options) -> int:
    timers = [
        state for state in client.ask({"op": "list"})["units"] if "target" in state and state["active"] == "active"
    ]
    rows = [(stamp(state["next_at"] or 0.0) or "-", state["name"], state["target"]) for state in timers]
    _table(("NEXT", "UNIT", "ACTIVATES"), rows, options)
    if not options.flag("--no-legend"):
        print(f"\n{len(rows)} timers listed.")
    return 0


def _list_unit_files(_verb: str, patterns: list[str], options: Options) -> int:
    names = sorted({path.name for directory in unitfiles.UNIT_DIRS for path in directory.glob("*.service")})
    chosen = [name for name in names if not patterns or any(fnmatch.fnmatchcase(name, each) for each in patterns)]
    _table(
        ("UNIT FILE", "STATE", "PRESET"), [(name, unitfiles.enablement(name), "enabled") for name in chosen], options
    )
    return 0 if chosen else 1


def _cat(_verb: str, units: list[str], _options: Options) -> int:
    for name in units:
        path = unitfiles.find(name)
        if path is None:
            print(f"No files found for {name}.", file=sys.stderr)
            return 1
        print(f"# {path.resolve()}\n{path.read_text()}", end="")
    return 0


def _reset_failed(_verb: str, units: list[str], _options: Options) -> int:
    for name in units or [""]:
        if client.ask({"op": "reset-failed", "unit": name}).get("missing"):
            print(f"Failed to reset failed state of unit {name}: Unit {name} not loaded.", file=sys.stderr)
            return 1
    return 0


def _is_system_running(_verb: str, _units: list[str], _options: Options) -> int:
    failed = any(state["active"] == "failed" for state in client.ask({"op": "list"})["units"])
    print("degraded" if failed else "running")
    return 1 if failed else 0


def _kill(_verb: str, units: list[str], options: Options) -> int:
    import os
    import signal

    name = (options.list("-s", "--signal") or ["TERM"])[0].removeprefix("SIG")
    number = int(name) if name.isdigit() else signal.Signals[f"SIG{name}"]
    for state in _states(units):
        if state is None or not state.get("main_pid"):
            print("Failed to kill unit: No process to kill", file=sys.stderr)
            return 1
        os.kill(state["main_pid"], number)
    return 0


def _nothing(_verb: str, _units: list[str], _options: Options) -> int:
    return 0


def _shutdown(verb: str, _units: list[str], options: Options) -> int:
    how = "reboot" if verb == "reboot" or options.flag("-r", "--reboot") else "poweroff"
    client.ask({"op": "shutdown", "how": how})
    return 0

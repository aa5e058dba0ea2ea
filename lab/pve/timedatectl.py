"""`timedatectl show` of a node whose clock NTP keeps; while its date is made up, it says that nothing does."""

from __future__ import annotations

import argparse
import sys
import time

from .layout import NodeSettings

_STAMP = "%a %Y-%m-%d %H:%M:%S UTC"


def properties(settings: NodeSettings, now: float) -> dict[str, str]:
    """What systemd shows, in its order.

    Args:
        settings: the node's own.
        now: the machine's clock in seconds since the epoch.
    """
    stamp = time.strftime(_STAMP, time.gmtime(now + settings.date_skew))
    return {
        "Timezone": "Etc/UTC",
        "LocalRTC": "no",
        "CanNTP": "yes",
        "NTP": "yes",
        "NTPSynchronized": "no" if settings.date_skew else "yes",
        "TimeUSec": stamp,
        "RTCTimeUSec": stamp,
    }


def show(every: dict[str, str], wanted: list[str], *, value_only: bool) -> str:
    """The lines of `show`: all properties, or the *wanted* ones; a name that there is not gives no line."""
    chosen = [(name, text) for name, text in every.items() if not wanted or name in wanted]
    return "".join(f"{text}\n" if value_only else f"{name}={text}\n" for name, text in chosen)


def main(argv: list[str]) -> int:
    """Run `timedatectl show [-p NAMES] [--value]`; there is no other verb here."""
    parser = argparse.ArgumentParser("timedatectl", add_help=False)
    parser.add_argument("verb", nargs="?", default="status")
    parser.add_argument("-p", "--property", action="append", default=[])
    parser.add_argument("--value", action="store_true")
    asked = parser.parse_args(argv)
    if asked.verb != "show":
        print(f"Unknown command verb '{asked.verb}'.", file=sys.stderr)
        return 1
    wanted = [name for names in asked.property for name in names.split(",") if name]
    sys.stdout.write(show(properties(NodeSettings.load(), time.time()), wanted, value_only=asked.value))
    return 0

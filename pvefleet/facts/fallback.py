"""FALLBACK: what is staged and armed on a node to put an old corosync.conf back by itself."""

from __future__ import annotations

from parsers.errors import ParseError
from pvefleet.facts.sources import Answers, Source
from pvefleet.model.fallback_facts import DROP_TABLE, FOLDER, UNIT, UNITS, FallbackFacts
from pvefleet.model.observation import Seen

_NAME = "fallback"
_TEST_LENGTH = 300

SOURCES = (
    Source(
        _NAME,
        f"set -- $(systemctl is-active {UNIT}.timer {UNIT}.service)\n"
        'printf "timer %s\\nservice %s\\n" "${1:-unknown}" "${2:-unknown}"\n'
        f"if nft list table inet {DROP_TABLE} >/dev/null 2>&1; then echo drops yes; fi\n"
        f"for f in {UNITS}/{UNIT}.timer {UNITS}/{UNIT}.service {FOLDER}; do\n"
        '  [ ! -e "$f" ] || printf "file %s\\n" "$f"\n'
        "done\n"
        f"cd {FOLDER} 2>/dev/null || exit 0\n"
        "[ ! -r plan ] || grep '^version ' plan\n"
        "[ ! -r deadline ] || printf 'left %s\\n' $(($(cat deadline) - $(date +%s)))\n"
        "for f in new revert; do\n"
        '  [ ! -r $f ] || printf "%s %s\\n" $f "$(sha256sum <$f | cut -d " " -f 1)"\n'
        "done\n"
        f"[ ! -r test ] || printf 'test %s\\n' \"$(head -c {_TEST_LENGTH} test | tr '\\n' ' ')\"",
        4,
    ),
)


def fallback(answers: Answers) -> Seen[FallbackFacts]:
    """Return what stands on the node."""
    return answers.read(_NAME, FOLDER, _parse)


def _parse(text: str) -> FallbackFacts:
    files: list[str] = []
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == "file":
            files.append(value)
        else:
            found[key] = value.strip()
    if "timer" not in found or "service" not in found:
        raise ParseError(_NAME, "no state of the units", excerpt=text[:80])
    return FallbackFacts(
        version=_whole(found.get("version")),
        new=found.get("new", ""),
        revert=found.get("revert", ""),
        test=found.get("test", ""),
        left=_whole(found.get("left")),
        timer=found["timer"],
        service=found["service"],
        files=tuple(files),
        drops="drops" in found,
    )


def _whole(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ParseError(_NAME, "not a whole number", excerpt=text[:80]) from error

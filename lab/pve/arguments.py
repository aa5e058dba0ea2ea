"""PVE's command line grammar as far as the emulated commands need it: positionals, `--key value`, `--key=value`."""

from __future__ import annotations

from .cfs import CommandError


def split(argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """Positional arguments and options; an option without a value is "1"."""
    words: list[str] = []
    options: dict[str, str] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        key, separator, value = word.lstrip("-").partition("=")
        if not separator:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else "1"
        options[key] = value
    return words, options


def count(words: list[str], usage: str, *, least: int, most: int | None = None) -> None:
    """Refuse too few or too many positional arguments.

    Raises:
        CommandError: with PVE's text and the command's usage line.
    """
    if len(words) < least:
        raise CommandError(f"400 not enough arguments\n{usage}")
    if len(words) > (least if most is None else most):
        raise CommandError(f"400 too many arguments\n{usage}")


def vmid(text: str, usage: str) -> int:
    """A guest's number.

    Raises:
        CommandError: it is none.
    """
    if not text.isdigit() or text.startswith("0") or not 3 <= len(text) <= 9:
        problem = "type check ('integer') failed" if not text.isdigit() else "value must have a minimum value of 100"
        raise CommandError(f"400 Parameter verification failed.\nvmid: {problem} - got '{text}'\n{usage}")
    return int(text)

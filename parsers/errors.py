"""The one error of the parsers."""

from __future__ import annotations

EXCERPT_CHARACTERS = 200


class ParseError(Exception):
    """Text that is not what the command or file is known to look like.

    Args:
        parser: name of the parser module, such as ``corosync_quorumtool``.
        reason: what is missing or wrong, without a trailing full stop.
        excerpt: the offending line, or the beginning of the text; cut to 200 characters.
        line: number of the offending line, counted from 1; 0 if the whole text is meant.
    """

    def __init__(self, parser: str, reason: str, excerpt: str = "", line: int = 0) -> None:
        super().__init__(parser, reason, excerpt, line)
        self.parser = parser
        self.reason = reason
        self.excerpt = excerpt if len(excerpt) <= EXCERPT_CHARACTERS else excerpt[: EXCERPT_CHARACTERS - 1] + "…"
        self.line = line

    def __str__(self) -> str:
        place = f" line {self.line}" if self.line else ""
        shown = f": {self.excerpt!r}" if self.excerpt else ""
        return f"{self.parser}{place}: {self.reason}{shown}"

"""Lines of native text, strict conversions of words in them, and errors that name the line.

Conversions never guess: no default, no sign where none can be, ASCII digits only.
"""

from __future__ import annotations

import re

from parsers.errors import ParseError

_DECIMAL = re.compile(r"[0-9]{1,20}")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}")
_FRACTION = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[-+]?[0-9]{1,2})?")
_COMPLAINT = re.compile(
    r"(?:\S*/)?(?:awk|bash|cat|dash|env|error|find|grep|head|ls|perl|sed|sh|ssh|stat|sudo|tail|test|timeout|warning): "
    r"|.*: (?:No such file or directory|Permission denied|Is a directory|Input/output error|command not found"
    r"|Transport endpoint is not connected|Connection refused|Software caused connection abort)$"
)
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class Source:
    """The text given to one parser.

    Args:
        parser: name of the parser, for errors.
        text: what the command printed or the file holds; lines may end in LF or CRLF.

    Attributes:
        original: the text as it was given.
        text: the text with LF only.
        lines: the lines without their ends; a final line end does not make an empty last line.
    """

    __slots__ = ("lines", "original", "parser", "text")

    def __init__(self, parser: str, text: str) -> None:
        self.parser = parser
        self.original = text
        self.text = text.replace("\r\n", "\n") if "\r" in text else text
        self.lines = self.text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()

    def error(self, reason: str, line: int = 0) -> ParseError:
        """Return an error about line number *line* (from 1), or about the whole text if it is 0."""
        if line:
            return ParseError(self.parser, reason, self.lines[line - 1], line)
        beginning = next((text for text in self.lines if text.strip()), "")
        return ParseError(self.parser, reason, beginning)

    def refuse_nothing(self) -> None:
        """Raise ParseError if there is no text at all."""
        if not self.text.strip():
            raise self.error("nothing to read")

    def refuse_complaint(self) -> None:
        """Raise ParseError if the first line is the error message of a command and not the contents of a file."""
        if self.lines and _COMPLAINT.match(self.lines[0]):
            raise self.error("an error message instead of the contents", 1)

    def integer(self, word: str, what: str, line: int = 0) -> int:
        """Return *word*, decimal or 0x…, as a whole number of at most 64 bits without sign."""
        if _DECIMAL.fullmatch(word):
            number = int(word)
        elif _HEXADECIMAL.fullmatch(word):
            number = int(word, 16)
        else:
            raise self.error(f"{what} is not a whole number", line)
        if number >= 1 << 64:
            raise self.error(f"{what} is too large", line)
        return number

    def fraction(self, word: str, what: str, line: int = 0) -> float:
        """Return *word* as a number such as ``0``, ``12.5``, ``5.9e-05``."""
        if not _FRACTION.fullmatch(word):
            raise self.error(f"{what} is not a number", line)
        return float(word)

    def choice(self, word: str, choices: dict[str, bool], what: str, line: int = 0) -> bool:
        """Return the meaning of *word*, which must be one of *choices*."""
        if word not in choices:
            raise self.error(f"{what} is none of {', '.join(choices)}", line)
        return choices[word]


def percent_decoded(text: str) -> str:
    """Return *text* with ``%C3%BC`` and the like decoded as UTF-8: so Proxmox VE stores descriptions and comments."""
    if "%" not in text:
        return text
    return _PERCENT.sub(lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace"), text)

"""``--accept CODE[:SUBJECT]=REASON``: a risk taken by name."""

from __future__ import annotations

from collections.abc import Sequence

from pvefleet.model.catalogue import CATALOGUE
from pvefleet.model.errors import UsageError
from pvefleet.rules.acceptance import Accept

_CODES = frozenset(entry.code for entry in CATALOGUE)


def read_accepts(values: Sequence[str]) -> tuple[Accept, ...]:
    """Return what the values of ``--accept`` say.

    Raises:
        UsageError: one has no code, no reason, or a code that does not exist.
    """
    return tuple(_read(value) for value in values)


def _read(value: str) -> Accept:
    key, _, reason = value.partition("=")
    code, _, subject = key.strip().partition(":")
    if not reason.strip():
        raise UsageError(
            f"--accept {value} gives no reason", hint="write --accept CODE:SUBJECT='why'; the reason is journalled"
        )
    if code not in _CODES:
        raise UsageError(
            f"there is no finding {code}", hint="docs/findings.md lists the codes; --plan shows which apply"
        )
    return Accept(code, subject.strip(), reason.strip())

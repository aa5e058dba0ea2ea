"""Selectors of guests: ``--guests 100,200-220,web*,@tag-prod,-@node-pve03``. docs/guests.md has the grammar in prose.

A selector is terms with commas between them. The guests it means are those that any including term matches, less those
that any excluding term (with a leading ``-``) matches; the order of the terms plays no part. Every term must match:
one that matches nothing is an error, because it is more often a slip of the pen than meant, and an exclusion that
slipped would let a command loose on the very guest it was to spare.

What is not known is never guessed. A guest whose state, tags or pool were not seen is matched by no including term
about them, and is taken out by every excluding one; it is named in ``Selection.unsure``.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from pvefleet.model.errors import UsageError

_DIGITS = re.compile(r"[0-9]+")
_RANGE = re.compile(r"([0-9]+)-([0-9]+)")
_NAME = re.compile(r"[A-Za-z0-9*?](?:[A-Za-z0-9.*?_-]*[A-Za-z0-9*?])?")
_MOST_ID = 999_999_999
_WORDS = ("@all", "@running", "@stopped")
_GROUPS = ("@node-", "@tag-", "@pool-")
HINT = "100, 100-120, web01, web*, @all, @running, @stopped, @node-X, @tag-X, @pool-X; a leading - excludes"


class Kind(StrEnum):
    """What a term goes by."""

    ALL = "all"
    RANGE = "range"
    NAME = "name"
    PATTERN = "pattern"
    RUNNING = "running"
    STOPPED = "stopped"
    NODE = "node"
    TAG = "tag"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Term:
    """One term.

    Attributes:
        text: as it was written, for messages.
        kind: what it goes by.
        value: the name, pattern, node, tag or pool; empty for the others.
        first, last: the numbers of a range; equal for a single guest.
        excludes: does it take guests out?
    """

    text: str
    kind: Kind
    value: str = ""
    first: int = 0
    last: int = 0
    excludes: bool = False


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector that is well formed.

    Attributes:
        text: as it was written.
        terms: in the order they were written.
    """

    text: str
    terms: tuple[Term, ...]

    def asks_for(self, *kinds: Kind) -> bool:
        """Does any term go by one of these?"""
        return any(term.kind in kinds for term in self.terms)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a selector looks at in a guest; None is "not seen".

    Attributes:
        vmid: its number.
        name: its name; empty where it has none.
        node: the node that owns it, by its name in hosts.toml.
        running: does it run? A guest that is neither running nor stopped is *not seen* too.
        tags: its tags.
        pool: its pool; empty where it is in none.
    """

    vmid: int
    name: str | None
    node: str
    running: bool | None
    tags: frozenset[str] | None
    pool: str | None


@dataclass(frozen=True, slots=True)
class Universe:
    """The guests there are, and the names that terms may use.

    Attributes:
        guests: every guest of the cluster.
        nodes: every name a node may be called by, with its name in hosts.toml.
        pools: every pool; None where no node could say.
    """

    guests: Sequence[Candidate]
    nodes: Collection[tuple[str, str]]
    pools: Collection[str] | None


@dataclass(frozen=True, slots=True)
class Selection:
    """What a selector means.

    Attributes:
        vmids: the guests, by number.
        unsure: guests that a term might have matched and that are *not* in ``vmids`` for lack of knowledge, each with
            the term.
    """

    vmids: tuple[int, ...]
    unsure: tuple[tuple[int, str], ...]


class SelectorError(UsageError):
    """A selector that is not well formed, or a term of it that matches nothing."""


def parse(text: str) -> Selector:
    """Return the selector that *text* writes down.

    Raises:
        SelectorError: an empty text or term, a term of no known form, or nothing but exclusions.
    """
    if not text.strip():
        raise SelectorError("the selector of guests is empty", hint=HINT)
    terms = tuple(_term(piece.strip(), text) for piece in text.split(","))
    if all(term.excludes for term in terms):
        raise SelectorError(f"{text!r} only excludes: nothing is selected", hint=f"for example: @all,{text.strip()}")
    return Selector(text, terms)


def select(selector: Selector, universe: Universe) -> Selection:
    """Return the guests that *selector* means.

    Raises:
        SelectorError: a term matches nothing or names what does not exist, a name is several guests', or the
            exclusions leave nothing. ``@all`` may be of no guests, and ``-@running``, ``-@stopped``, ``-@node-X`` and
            ``-@pool-X`` may find none to exclude.
    """
    lookup = _Lookup(universe)
    chosen: set[int] = set()
    excluded: set[int] = set()
    doubtful: list[tuple[int, str]] = []
    for term in selector.terms:
        sure, unknown = lookup.match(term)
        doubtful += [(vmid, term.text) for vmid in unknown]
        if term.excludes:
            excluded |= sure | unknown
        else:
            chosen |= sure
    left = chosen - excluded
    if chosen and not left:
        raise SelectorError(f"the exclusions of {selector.text!r} leave nothing of what it selects")
    # An unknown that another term selects for sure, and none excludes, is selected: there is no doubt left.
    return Selection(tuple(sorted(left)), tuple(pair for pair in doubtful if pair[0] not in left))


def _term(piece: str, text: str) -> Term:
    excludes = piece.startswith("-")
    body = piece[1:] if excludes else piece
    if not body:
        raise SelectorError(f"a term of {text!r} is empty", hint=HINT)
    if body.startswith("@"):
        return _group(piece, body, excludes)
    if _DIGITS.fullmatch(body):
        number = _number(body, piece)
        return Term(piece, Kind.RANGE, first=number, last=number, excludes=excludes)
    if match := _RANGE.fullmatch(body):
        first, last = _number(match[1], piece), _number(match[2], piece)
        if first > last:
            raise SelectorError(f"the range {body} runs backwards", hint=f"did you mean {last}-{first}?")
        return Term(piece, Kind.RANGE, first=first, last=last, excludes=excludes)
    if not _NAME.fullmatch(body):
        raise SelectorError(f"{piece!r} is no number, range, name or group of guests", hint=HINT)
    kind = Kind.PATTERN if "*" in body or "?" in body else Kind.NAME
    return Term(piece, kind, body, excludes=excludes)


def _group(piece: str, body: str, excludes: bool) -> Term:
    if body in _WORDS:
        return Term(piece, Kind(body[1:]), excludes=excludes)
    for prefix in _GROUPS:
        value = body.removeprefix(prefix)
        if value != body and value:
            if "*" in value or "?" in value:
                raise SelectorError(f"{piece!r}: wildcards stand for names of guests only")
            return Term(piece, Kind(prefix[1:-1]), value, excludes=excludes)
    guess = get_close_matches(body, (*_WORDS, *_GROUPS), 1)
    hint = f"did you mean {guess[0]}{'X' if guess[0].endswith('-') else ''}?" if guess else HINT
    raise SelectorError(f"{piece!r} is no group of guests", hint=hint)


def _number(digits: str, piece: str) -> int:
    if digits.startswith("0"):
        raise SelectorError(f"{piece!r}: numbers of guests have no leading zero")
    if len(digits) > len(str(_MOST_ID)):
        raise SelectorError(f"{piece!r}: numbers of guests go up to {_MOST_ID}")
    return int(digits)


class _Lookup:
    """Matches terms against a universe, with the indexes that keep it linear in guests and terms."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._guests = universe.guests
        self._nodes = dict(universe.nodes)
        self._by_name: dict[str, list[int]] = {}
        for guest in self._guests:
            if guest.name:
                self._by_name.setdefault(guest.name, []).append(guest.vmid)

    def match(self, term: Term) -> tuple[set[int], set[int]]:
        """Return the guests that match, and those of which nobody knows.

        Raises:
            SelectorError: it matches nothing and has to, or names what does not exist.
        """
        sure, unknown = getattr(self, f"_{term.kind.value}")(term)
        may_be_none = term.kind is Kind.ALL or (
            term.excludes and term.kind in (Kind.RUNNING, Kind.STOPPED, Kind.NODE, Kind.POOL)
        )
        if not sure and not may_be_none:
            raise SelectorError(f"{term.text!r} matches no guest", hint=self._doubt(unknown))
        return sure, unknown

    def _by(
        self, value: Callable[[Candidate], object | None], fits: Callable[[object], bool]
    ) -> tuple[set[int], set[int]]:
        sure: set[int] = set()
        unknown: set[int] = set()
        for guest in self._guests:
            seen = value(guest)
            if seen is None:
                unknown.add(guest.vmid)
            elif fits(seen):
                sure.add(guest.vmid)
        return sure, unknown

    def _all(self, _term: Term) -> tuple[set[int], set[int]]:
        return {guest.vmid for guest in self._guests}, set()

    def _range(self, term: Term) -> tuple[set[int], set[int]]:
        found = {guest.vmid for guest in self._guests if term.first <= guest.vmid <= term.last}
        if not found and term.first == term.last:
            near = get_close_matches(str(term.first), [str(guest.vmid) for guest in self._guests[:_MOST_GUESSED]], 3)
            raise SelectorError(f"there is no guest {term.first}", hint=_did_you_mean(near))
        return found, set()

    def _name(self, term: Term) -> tuple[set[int], set[int]]:
        found = self._by_name.get(term.value, [])
        if len(found) > 1:
            numbers = ", ".join(map(str, sorted(found)))
            raise SelectorError(
                f"{len(found)} guests are called {term.value!r}: {numbers}", hint="say which, by number"
            )
        if not found:
            raise SelectorError(f"there is no guest called {term.value!r}", hint=self._similar(term.value))
        return set(found), self._nameless()

    def _pattern(self, term: Term) -> tuple[set[int], set[int]]:
        # Its expressions do not backtrack: a long pattern costs no more than a short one.
        pattern = re.compile(fnmatch.translate(term.value))
        found = {vmid for name, vmids in self._by_name.items() if pattern.match(name) for vmid in vmids}
        return found, self._nameless()

    def _nameless(self) -> set[int]:
        return {guest.vmid for guest in self._guests if guest.name is None}

    def _running(self, _term: Term) -> tuple[set[int], set[int]]:
        return self._by(lambda guest: guest.running, lambda running: running is True)

    def _stopped(self, _term: Term) -> tuple[set[int], set[int]]:
        return self._by(lambda guest: guest.running, lambda running: running is False)

    def _node(self, term: Term) -> tuple[set[int], set[int]]:
        if term.value not in self._nodes:
            raise SelectorError(f"{term.text!r}: the cluster has no such node", hint=_guess(term.value, self._nodes))
        node = self._nodes[term.value]
        return {guest.vmid for guest in self._guests if guest.node == node}, set()

    def _tag(self, term: Term) -> tuple[set[int], set[int]]:
        sure, unknown = self._by(lambda guest: guest.tags, lambda tags: term.value in tags)  # type: ignore[operator]
        if not sure:
            known = {tag for guest in self._guests for tag in guest.tags or ()}
            raise SelectorError(
                f"{term.text!r}: no guest has this tag", hint=_guess(term.value, known) or self._doubt(unknown)
            )
        return sure, unknown

    def _pool(self, term: Term) -> tuple[set[int], set[int]]:
        if self._universe.pools is None:
            raise SelectorError(
                f"{term.text!r}: no node could say which pools there are", hint="select by number or name"
            )
        if term.value not in self._universe.pools:
            raise SelectorError(f"{term.text!r}: there is no such pool", hint=_guess(term.value, self._universe.pools))
        return self._by(lambda guest: guest.pool, lambda pool: pool == term.value)

    def _similar(self, name: str) -> str:
        for word in (f"@{name}", f"@{name}-"):
            if word in _WORDS or word in _GROUPS:
                return f"did you mean {word}{'X' if word.endswith('-') else ''}?"
        return _guess(name, self._by_name) or self._doubt(self._nameless())

    def _doubt(self, unknown: set[int]) -> str:
        if not unknown:
            return ""
        some = ", ".join(map(str, sorted(unknown)[:8])) + (", …" if len(unknown) > 8 else "")
        guests = "1 guest" if len(unknown) == 1 else f"{len(unknown)} guests"
        return f"not known of {guests}, because nobody could say: {some}"


_MOST_GUESSED = 2000
"""So many names at most are compared for a guess: that is quadratic in their lengths."""


def _guess(name: str, known: Iterable[str]) -> str:
    some = sorted(known)[:_MOST_GUESSED]
    near = get_close_matches(name, some, 3)
    if near:
        return _did_you_mean(near)
    return f"known: {', '.join(some[:12])}{', …' if len(some) > 12 else ''}" if some else ""


def _did_you_mean(near: Sequence[str]) -> str:
    return f"did you mean {' or '.join(near)}?" if near else ""

"""``corosync-quorumtool``: who is in this node's partition, how many votes it has, and whether it has quorum.

Reads ``-s`` with any of ``-p`` (always a Qdevice column), ``-i`` (addresses for names), ``-H`` (hexadecimal node ids)
and ``-o``, and ``pvecm status``, which is the same behind a block of its own. ``-l`` prints the members only:
:func:`read_list`. Exit status of ``-s``: 0 quorate, 2 not quorate, both with full output; 1 with a message on
standard error if corosync cannot be asked.

Only current members are listed: a node that is away is simply absent.

Schema::

    {
      "date": string, "provider": string, "node_count": integer, "nodeid": integer, "ring_id": string,
      "quorate": boolean, "expected_votes": integer, "highest_expected": integer, "total_votes": integer,
      "quorum": integer, "blocked": boolean, "flags": [string],
      "members": [{"nodeid": integer, "votes": integer, "name": string, "local": boolean, "qdevice": string or null,
                   "extra": [[string, string]]}],
      "qdevice": {"votes": integer, "configured_votes": integer or null, "name": string} or null,
      "extra": [[string, string]]
    }
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "corosync_quorumtool"
info = Info("`corosync-quorumtool -s` and `pvecm status`", magic_commands=("corosync-quorumtool", "pvecm status"))

NOTE = "note"
"""What an extra of a member is called that stands in brackets behind its name."""

_YES_NO = {"Yes": True, "No": False}
_PAIR = re.compile(r"([A-Za-z][^:]*):(?:\s+(.*))?")
_QDEVICE_STATE = r"(?:N?A,N?V,N?MW|NR)"
_TAIL = r"(?P<name>\S.*?)?(?:\s+\[(?P<note>[^][]*)\])?(?P<local>\s+\(local\))?\s*"
_ID_VOTES = r"\s*(?P<nodeid>0x[0-9a-fA-F]{1,8}|[0-9]{1,10})\s+(?P<votes>[0-9]{1,10})"
_ROW = re.compile(rf"{_ID_VOTES}(?:\s{_TAIL})?")
_ROW_QDEVICE = re.compile(rf"{_ID_VOTES}\s+(?P<qdevice>{_QDEVICE_STATE})(?:\s{_TAIL})?")
_QDEVICE_ROW = re.compile(
    r"\s*(?:0x0{1,8}|0)\s+(?P<votes>[0-9]+)\s+(?P<name>[^\s(]\S*)(?:\s+\(votes (?P<configured>[0-9]+)\))?\s*"
)

_QUORUM = "Quorum information"
_VOTES = "Votequorum information"
_MEMBERS = "Membership information"


@dataclass(frozen=True, slots=True)
class Member:
    """One node of this partition.

    Attributes:
        nodeid: corosync's node id.
        votes: its votes.
        name: its name (with ``-i`` the address of its first link); empty where corosync could not find one.
        local: is it the node that was asked?
        qdevice: its QDevice flags, such as ``A,V,NMW`` or ``NR``; None without a Qdevice column.
        extra: columns and notes of other versions.
    """

    nodeid: int
    votes: int
    name: str
    local: bool
    qdevice: str | None = None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QdeviceRow:
    """The QDevice's own line.

    Attributes:
        votes: the votes it casts now; 0 if it casts none.
        configured_votes: the votes it could cast, printed only while it casts none.
        name: how corosync calls it.
    """

    votes: int
    configured_votes: int | None
    name: str


@dataclass(frozen=True, slots=True)
class MemberList:
    """The members of this partition and the QDevice, as ``corosync-quorumtool -l`` prints them."""

    members: tuple[Member, ...]
    qdevice: QdeviceRow | None


@dataclass(frozen=True, slots=True)
class QuorumStatus:
    """Quorum as one node sees it.

    Attributes:
        date: the node's clock as printed, in its time zone and locale; different at every call.
        provider: ``corosync_votequorum``.
        node_count: how many nodes are in this partition (not how many are configured).
        nodeid: the node that was asked.
        ring_id: lowest member's id and a sequence number; equal on all nodes of one partition.
        quorate: does this partition have quorum?
        expected_votes: votes counted as the whole.
        highest_expected: the highest expected votes seen.
        total_votes: votes present in this partition.
        quorum: votes needed.
        blocked: is "Activity blocked" printed?
        flags: such as ``Quorate``, ``2Node``, ``Qdevice``; in the order printed.
        members: the nodes of this partition.
        qdevice: the QDevice's line, if there is one.
        extra: lines of sections and keys not known here, as ``Section/Key``.
    """

    date: str
    provider: str
    node_count: int
    nodeid: int
    ring_id: str
    quorate: bool
    expected_votes: int
    highest_expected: int
    total_votes: int
    quorum: int
    blocked: bool
    flags: tuple[str, ...]
    members: tuple[Member, ...]
    qdevice: QdeviceRow | None
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> QuorumStatus:
    """Read ``corosync-quorumtool -s`` or ``pvecm status``.

    Raises:
        ParseError: a section or line is missing, twice, or not understood; or fewer members are listed than counted.
    """
    source = Source(NAME, text)
    sections = _sections(source)
    pairs = _Pairs(source, sections)
    votes_line, votes_text = pairs.take(_VOTES, "Quorum")
    votes, _, activity = votes_text.partition(" ")
    if activity not in ("", "Activity blocked"):
        raise source.error("unknown text after Quorum", votes_line)
    line, quorate = pairs.take(_QUORUM, "Quorate")
    listed = _members(source, sections)
    status = QuorumStatus(
        date=pairs.take(_QUORUM, "Date")[1],
        provider=pairs.take(_QUORUM, "Quorum provider")[1],
        node_count=pairs.integer(_QUORUM, "Nodes"),
        nodeid=pairs.integer(_QUORUM, "Node ID"),
        ring_id=pairs.take(_QUORUM, "Ring ID")[1],
        quorate=source.choice(quorate, _YES_NO, "Quorate", line),
        expected_votes=pairs.integer(_VOTES, "Expected votes"),
        highest_expected=pairs.integer(_VOTES, "Highest expected"),
        total_votes=pairs.integer(_VOTES, "Total votes"),
        quorum=source.integer(votes, "Quorum", votes_line),
        blocked=bool(activity),
        flags=tuple(pairs.take(_VOTES, "Flags", may_be_empty=True)[1].split()),
        members=listed.members,
        qdevice=listed.qdevice,
        extra=pairs.rest(),
    )
    if len(status.members) != status.node_count:
        raise source.error(f"{status.node_count} nodes are counted, but {len(status.members)} listed")
    if sum(member.local for member in status.members) != 1:
        raise source.error("not exactly one member is marked (local)")
    if "Qdevice" in status.flags and status.qdevice is None:
        raise source.error("the flags say Qdevice, but its line is missing")
    return status


def read_list(text: str) -> MemberList:
    """Read ``corosync-quorumtool -l``.

    Raises:
        ParseError: there is no membership table, it is empty, or a line of it is not understood.
    """
    source = Source(NAME, text)
    listed = _members(source, _sections(source))
    if not listed.members:
        raise source.error("no member is listed")
    return listed


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read`, or :func:`read_list` of a lone membership table, as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data) if _QUORUM in data or _VOTES in data else read_list(data), raw)
    return result


_Sections = dict[str, list[tuple[int, str]]]


def _sections(source: Source) -> _Sections:
    """Return the numbered lines under each heading; a heading is a line with a line of dashes below it."""
    source.refuse_nothing()
    found: _Sections = {}
    current: list[tuple[int, str]] | None = None
    lines = source.lines
    for number, line in enumerate(lines, 1):
        following = lines[number] if number < len(lines) else ""
        if _is_rule(following):
            if line.strip() in found:
                raise source.error("this section stands twice", number)
            current = found.setdefault(line.strip(), [])
        elif line.strip() and not _is_rule(line):
            if current is None:
                raise source.error("text before the first section", number)
            current.append((number, line))
    return found


def _is_rule(line: str) -> bool:
    return len(line) > 2 and not line.strip("-")


class _Pairs:
    """The ``Key: value`` lines of all sections but the membership table."""

    def __init__(self, source: Source, sections: _Sections) -> None:
        self._source = source
        self._values: dict[tuple[str, str], tuple[int, str]] = {}
        for section, lines in sections.items():
            if section == _MEMBERS:
                continue
            for number, line in lines:
                match = _PAIR.fullmatch(line.rstrip())
                if match is None:
                    raise source.error("not a line of the form 'Key: value'", number)
                if (section, match[1]) in self._values:
                    raise source.error("this key stands twice", number)
                self._values[section, match[1]] = (number, match[2] or "")

    def take(self, section: str, key: str, *, may_be_empty: bool = False) -> tuple[int, str]:
        """Remove and return the line number and value of *key*."""
        number, value = self._values.pop((section, key), (0, ""))
        if not number:
            raise self._source.error(f"no line {key!r} under {section!r}")
        if not value and not may_be_empty:
            raise self._source.error(f"{key!r} is empty", number)
        return number, value

    def integer(self, section: str, key: str) -> int:
        number, value = self.take(section, key)
        return self._source.integer(value, key, number)

    def rest(self) -> tuple[tuple[str, str], ...]:
        """Return what nobody took."""
        return tuple((f"{section}/{key}", value) for (section, key), (_, value) in self._values.items())


def _members(source: Source, sections: _Sections) -> MemberList:
    lines = sections.get(_MEMBERS)
    if not lines:
        raise source.error(f"no section {_MEMBERS!r} with a table")
    columns = lines[0][1].split()
    if columns[:2] != ["Nodeid", "Votes"] or columns[-1] != "Name":
        raise source.error("not the heading of the membership table", lines[0][0])
    members: list[Member] = []
    qdevice: QdeviceRow | None = None
    for number, line in lines[1:]:
        row = _QDEVICE_ROW.fullmatch(line)
        if row is None:
            members.append(_member(source, tuple(columns[2:-1]), number, line))
            continue
        if qdevice is not None:
            raise source.error("a second Qdevice line", number)
        configured = row["configured"]
        qdevice = QdeviceRow(
            votes=source.integer(row["votes"], "Votes", number),
            configured_votes=None if configured is None else source.integer(configured, "votes", number),
            name=row["name"],
        )
    ids = [member.nodeid for member in members]
    if len(set(ids)) != len(ids):
        raise source.error("a node id is listed twice")
    return MemberList(tuple(members), qdevice)


def _member(source: Source, columns: tuple[str, ...], number: int, line: str) -> Member:
    extra: list[tuple[str, str]] = []
    unknown = [column for column in columns if column != "Qdevice"]
    if unknown:
        words = line.split(maxsplit=2 + len(columns))
        if len(words) < 2 + len(columns):
            raise source.error("fewer words than columns", number)
        extra = [(column, word) for column, word in zip(columns, words[2:], strict=False) if column != "Qdevice"]
        known = [word for column, word in zip(columns, words[2:], strict=False) if column == "Qdevice"]
        line = " ".join([*words[:2], *known, *words[2 + len(columns) :]])
    match = (_ROW_QDEVICE if "Qdevice" in columns else _ROW).fullmatch(line)
    if match is None:
        raise source.error("not a line of the membership table", number)
    nodeid = source.integer(match["nodeid"], "Nodeid", number)
    if nodeid == 0:
        raise source.error("node id 0 belongs to the Qdevice", number)
    if match["note"] is not None:
        extra.append((NOTE, match["note"]))
    return Member(
        nodeid=nodeid,
        votes=source.integer(match["votes"], "Votes", number),
        name=match["name"] or "",
        local=match["local"] is not None,
        qdevice=match["qdevice"] if "Qdevice" in columns else None,
        extra=tuple(extra),
    )

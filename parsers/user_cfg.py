"""``/etc/pve/user.cfg``: the pools, and which guests and storages are in them. Readable without quorum.

Lines of users, groups, roles, tokens and permissions are passed over: they are nobody's business here.

Schema::

    {"pools": [{"name": string, "comment": string, "vmids": [integer], "storages": [string]}],
     "extra": [[string, string]]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source, percent_decoded

NAME = "user_cfg"
info = Info("`/etc/pve/user.cfg` file parser", ("file",), ("cat /etc/pve/user.cfg",))

_LINE = re.compile(r"([a-z]+):(.*)")
_OTHERS = frozenset({"user", "group", "role", "acl", "token"})
_POOL = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_WORDS = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool.

    Attributes:
        name: its name; a pool inside another is ``outer/inner``.
        comment: what the operator wrote.
        vmids: the guests in it, as they stand there; a pool inside it has its own.
        storages: the storages in it.
    """

    name: str
    comment: str
    vmids: tuple[int, ...]
    storages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserCfg:
    """What user.cfg says of pools.

    Attributes:
        pools: the pools, in the order of the file.
        extra: lines of a kind not known here: the kind and the rest.
    """

    pools: tuple[Pool, ...]
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> UserCfg:
    """Read user.cfg, or its lines that begin with ``pool:``.

    Raises:
        ParseError: no text at all, an error message instead of a file, a pool twice, or a line that is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    source.refuse_complaint()
    pools: dict[str, Pool] = {}
    extra: list[tuple[str, str]] = []
    for number, line in enumerate(source.lines, 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise source.error("not the line of a user, group, role, token, permission or pool", number)
        if match[1] == "pool":
            pool = _pool(source, number, match[2])
            if pool.name in pools:
                raise source.error("this pool stands twice", number)
            pools[pool.name] = pool
        elif match[1] not in _OTHERS:
            extra.append((match[1], match[2]))
    return UserCfg(tuple(pools.values()), tuple(extra))


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def _pool(source: Source, number: int, rest: str) -> Pool:
    fields = [field.strip() for field in rest.split(":")]
    if len(fields) > 5 or (len(fields) == 5 and fields[4]):
        raise source.error("more than a pool's name, comment, guests and storages", number)
    name, comment, vmids, storages = (fields + [""] * 3)[:4]
    if not _POOL.fullmatch(name):
        raise source.error("not the name of a pool", number)
    return Pool(
        name=name,
        comment=percent_decoded(comment),
        vmids=tuple(source.integer(word, "guest", number) for word in _WORDS.split(vmids) if word),
        storages=tuple(word for word in _WORDS.split(storages) if word),
    )

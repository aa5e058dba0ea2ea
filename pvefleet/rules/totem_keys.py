"""The ``totem`` settings that ``cluster.set-totem`` may change: what each takes, and when a change takes effect.

What is live and what waits for a restart is by corosync's source and by trial: a key that corosync reads at its start
only is accepted by a reload without a word, or with a notice in the journal, and does nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pvefleet.model.errors import UsageError
from pvefleet.model.totem import Applies

_SHORTEST_MS = 30
"""corosync refuses timeouts below 3 ticks of 10 ms."""
_LONGEST_MS = 60_000
"""A node with HA resets itself after 60 s without quorum: nothing here may take longer."""
_LINKS = 8
_INTERFACE = re.compile(r"interface\.([^.]*)\.(.+)")
_WHOLE = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class TotemKey:
    """One setting.

    Attributes:
        name: as corosync.conf has it.
        meaning: what it does, in a few words.
        lowest, highest: the range of a number; both 0 for a setting that takes words.
        unit: of the number.
        words: what a setting that is no number may be.
        applies: when a change takes effect.
    """

    name: str
    meaning: str
    lowest: int = 0
    highest: int = 0
    unit: str = ""
    words: tuple[str, ...] = ()
    applies: Applies = Applies.LIVE

    @property
    def takes(self) -> str:
        """What the setting takes, for a message."""
        if self.words:
            return " or ".join(self.words)
        return f"a whole number from {self.lowest} to {self.highest}{f' {self.unit}' if self.unit else ''}"


def _ms(name: str, meaning: str, lowest: int = _SHORTEST_MS) -> TotemKey:
    return TotemKey(name, meaning, lowest, _LONGEST_MS, "ms")


_TOTEM = (
    _ms("token", "how long the ring waits for the token, before the coefficient", 100),
    TotemKey("token_coefficient", "what each node beyond the second adds to the token", 0, 10_000, "ms"),
    TotemKey("token_warning", "at which share of the token timeout a late token is logged", 0, 100, "%"),
    _ms("token_retransmit", "when a token that was not answered is sent again"),
    TotemKey("token_retransmits_before_loss_const", "how often the token is sent again before it is lost", 1, 100),
    _ms("hold", "how long a node may hold the token of an idle ring", 14),
    _ms("join", "how long a node waits for join messages"),
    TotemKey("send_join", "spreads the join messages of large clusters over so long", 0, _LONGEST_MS, "ms"),
    _ms("consensus", "how long a new membership may take; best left unset: 1.2 times the token"),
    _ms("merge", "how often a ring looks for another one"),
    _ms("downcheck", "how often a network interface that is down is looked at"),
    TotemKey("fail_recv_const", "rotations without the expected message before a new membership", 1, 100_000),
    TotemKey("seqno_unchanged_const", "rotations without traffic before the token is held", 1, 100_000),
    TotemKey("miss_count_const", "how often a message is missed before it is sent again", 1, 1000),
    TotemKey("heartbeat_failures_allowed", "lost heartbeats that are borne; 0 switches heartbeats off", 0, 100),
    _ms("max_network_delay", "how long a packet may take"),
    TotemKey("window_size", "messages in one rotation of the token", 1, 10_000),
    TotemKey("max_messages", "messages a node may send at one time; at most 256000 / MTU", 1, 170),
    TotemKey("knet_pmtud_interval", "between two looks at the path's MTU", 1, 3600, "s"),
    TotemKey("block_unlisted_ips", "packets of addresses that are not listed are dropped", words=("yes", "no")),
    TotemKey("link_mode", "how links are used", words=("passive", "active", "rr"), applies=Applies.RESTART),
    TotemKey(
        "ip_version",
        "which addresses a name may stand for",
        words=("ipv4", "ipv6", "ipv4-6", "ipv6-4"),
        applies=Applies.RESTART,
    ),
    TotemKey("netmtu", "the MTU of the network", 576, 65_536, "bytes", applies=Applies.RESTART),
)
_INTERFACES = (
    TotemKey("knet_link_priority", "in passive mode the link with the highest number is used", 0, 255),
    TotemKey("knet_ping_interval", "between two pings", 10, _LONGEST_MS, "ms"),
    TotemKey("knet_ping_timeout", "without an answer for so long a link is down", 20, _LONGEST_MS, "ms"),
    TotemKey("knet_ping_precision", "how many values make the average latency", 1, 100_000),
    TotemKey("knet_pong_count", "answers in a row until a link is up", 1, 100),
)

KEYS: Mapping[str, TotemKey] = {one.name: one for one in _TOTEM}
"""Settings of ``totem`` itself."""
INTERFACE_KEYS: Mapping[str, TotemKey] = {one.name: one for one in _INTERFACES}
"""Settings of one link: ``interface.N.KEY``."""

ELSEWHERE: Mapping[str, str] = {
    "version": "it is always 2",
    "config_version": "every change raises it by itself",
    "cluster_name": "a running cluster keeps its name: certificates, QDevice and hosts.toml rest on it",
    "transport": "Proxmox VE runs on knet alone",
    "secauth": "all nodes would have to change at the same instant",
    "crypto_cipher": "all nodes would have to change at the same instant",
    "crypto_hash": "all nodes would have to change at the same instant",
    "crypto_model": "all nodes would have to change at the same instant",
    "keyfile": "all nodes would have to change at the same instant",
    "nodeid": "a node keeps its id",
    "interface.N.linknumber": "links are added, removed and changed by cluster.add-link, remove-link, change-link",
    "interface.N.mcastport": "corosync reads it at its start only, and both ends must agree: remove and add the link",
    "interface.N.bindnetaddr": "addresses stand in the nodelist: cluster.change-link",
    "interface.N.knet_transport": "a reload that changes it is refused as a whole: remove and add the link",
}
"""Settings that corosync knows, and why they are not changed here."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One ``--set key=value``.

    Attributes:
        name: as it was typed: ``token``, ``interface.1.knet_link_priority``.
        key: what is known of it.
        link: the link it is about; None for ``totem`` itself.
        value: the value to write; None to take the setting out, so that the default holds.
    """

    name: str
    key: TotemKey
    link: int | None
    value: str | None


def parse_settings(texts: Iterable[str]) -> tuple[Wanted, ...]:
    """Return what ``--set`` asks for, in the order typed.

    Args:
        texts: ``key=value`` each; ``key=`` takes the setting out.

    Raises:
        UsageError: nothing is asked for, a text is not of that form, a key is not known, a value is not what the key
            takes, or a key is named twice.
    """
    wanted: list[Wanted] = []
    for text in texts:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name:
            raise UsageError(f"--set takes key=value, not {text!r}", hint="--set token=5000; --set consensus= unsets")
        if any(one.name == name for one in wanted):
            raise UsageError(f"--set names {name} twice")
        key, link = lookup(name)
        if value:
            _refuse_value(name, key, value)
        wanted.append(Wanted(name, key, link, str(int(value)) if value and not key.words else value or None))
    if not wanted:
        raise UsageError("nothing to set", hint="--set token=5000")
    return tuple(wanted)


def lookup(name: str) -> tuple[TotemKey, int | None]:
    """Return what is known of the setting *name*, and its link.

    Raises:
        UsageError: it is not known, or not changed this way; the hint names what it may have been.
    """
    match = _INTERFACE.fullmatch(name)
    if match is None:
        if name in KEYS:
            return KEYS[name], None
        raise _unknown(name, name, "")
    if not match[1].isdecimal() or int(match[1]) >= _LINKS:
        raise UsageError(
            f"links have the numbers 0 to {_LINKS - 1}, not {match[1]!r}", hint="interface.1.knet_pong_count"
        )
    if match[2] in INTERFACE_KEYS:
        return INTERFACE_KEYS[match[2]], int(match[1])
    raise _unknown(name, f"interface.N.{match[2]}", match[1])


def _unknown(name: str, general: str, link: str) -> UsageError:
    if general in ELSEWHERE:
        return UsageError(f"{name} is not changed by --set: {ELSEWHERE[general]}")
    if general in INTERFACE_KEYS:
        return UsageError(f"{name} is a setting of one link", hint=f"interface.0.{name}")
    names = [*KEYS, *(f"interface.{link or 'N'}.{one}" for one in INTERFACE_KEYS)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    # corosync itself accepts any key without a word: a misspelt one would look set and do nothing.
    hint = f"did you mean {' or '.join(near)}?" if near else "docs/corosync.md lists the settings"
    return UsageError(f"corosync has no setting {name}, or none that is changed here", hint=hint)


def _refuse_value(name: str, key: TotemKey, value: str) -> None:
    if "#" in value:
        raise UsageError(
            f"{name}: corosync takes '#' and what follows as part of the value, and then does not start",
            hint="comments stand on lines of their own",
        )
    if key.words:
        fits = value in key.words
    else:
        fits = bool(_WHOLE.fullmatch(value)) and key.lowest <= int(value) <= key.highest
    if not fits:
        raise UsageError(f"{name} takes {key.takes}, not {value!r}", hint=key.meaning)

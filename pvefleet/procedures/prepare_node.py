"""Keep logins working when pmxcfs does not: the operator's key in a local file that sshd reads before root's usual one.

root's ``authorized_keys`` is a link into /etc/pve. With pmxcfs stopped the link is dead; with pmxcfs hung, sshd blocks
while it reads it, and files listed later are never reached. So the local file has to come first, and it names the user
(``%u``), lest the key open every account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pvefleet.model.errors import NodeError
from pvefleet.model.node import Node
from pvefleet.model.prepare import PrepareRow, PrepareState
from pvefleet.model.remote_files import script

DROP_IN = "/etc/ssh/sshd_config.d/00-pvefleet.conf"
KEYS_DIR = "/etc/ssh/pvefleet"
KEYS = f"{KEYS_DIR}/authorized_keys.%u"
REVERT_UNIT = "pvefleet-prepare-revert"
REVERT_SECONDS = 120
"""The node puts itself back after this long, unless a second login has been proven by then."""

_TIMEOUT = 20.0

_LOOK = """\
set -u
user=$1 key=$2
sshd -t 2>/dev/null || { echo broken; exit; }
line=$(sshd -T -C user="$user",host=localhost,addr=127.0.0.1 2>/dev/null | sed -n 's/^authorizedkeysfile //p')
[ -n "$line" ] || { echo unknown; exit; }
if grep -qsF "$key" "/etc/ssh/pvefleet/authorized_keys.$user"; then echo has-key; else echo no-key; fi
echo "$line"
"""

_APPLY = f"""\
set -eu
user=$1 files=$2
key=$(cat)
keys={KEYS_DIR}/authorized_keys.$user
undo() {{
  rm -f {DROP_IN}
  [ ! -e {DROP_IN}.before ] || mv {DROP_IN}.before {DROP_IN}
}}
umask 022
mkdir -p {KEYS_DIR} /etc/ssh/sshd_config.d
umask 077
new=$(mktemp {KEYS_DIR}/.new.XXXXXX)
[ ! -e "$keys" ] || cat "$keys" >"$new"
grep -qxF "$key" "$new" || printf '%s\\n' "$key" >>"$new"
sync "$new"
mv "$new" "$keys"
rm -f {DROP_IN}.before
[ ! -e {DROP_IN} ] || cp -p {DROP_IN} {DROP_IN}.before
umask 022
printf '# Kept by pvefleet: logins work although /etc/pve does not.\\nAuthorizedKeysFile %s\\n' "$files" >{DROP_IN}.new
sync {DROP_IN}.new
mv {DROP_IN}.new {DROP_IN}
if ! said=$(sshd -t 2>&1); then undo; echo "sshd -t: $said" >&2; exit 3; fi
first=$(sshd -T -C user="$user",host=localhost,addr=127.0.0.1 | sed -n 's/^authorizedkeysfile \\([^ ]*\\).*/\\1/p')
if [ "$first" != "{KEYS}" ]; then
  undo
  echo "sshd does not take {DROP_IN} first: no Include before AuthorizedKeysFile in sshd_config, or a Match block" >&2
  exit 3
fi
systemctl stop {REVERT_UNIT}.timer {REVERT_UNIT}.service >/dev/null 2>&1 || true
if ! systemd-run --quiet --collect --unit={REVERT_UNIT} --on-active={REVERT_SECONDS} /bin/sh -c \\
  'rm -f {DROP_IN}; [ ! -e {DROP_IN}.before ] || mv {DROP_IN}.before {DROP_IN}; systemctl reload ssh'; then
  undo; echo "the revert could not be armed" >&2; exit 3
fi
systemctl reload ssh
"""

_KEEP = f"""\
systemctl stop {REVERT_UNIT}.timer || exit 4
[ -e {DROP_IN} ] || exit 5
rm -f {DROP_IN}.before
"""

_REVERT = f"""\
set -u
systemctl stop {REVERT_UNIT}.timer >/dev/null 2>&1
rm -f {DROP_IN}
[ ! -e {DROP_IN}.before ] || mv {DROP_IN}.before {DROP_IN}
sshd -t && systemctl reload ssh
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What one node's sshd is set to.

    Attributes:
        node: its name.
        files: the value of AuthorizedKeysFile for the user.
        has_key: does the local file hold the key?
        refusal: why nothing can be done there; empty where something can.
    """

    node: str
    files: tuple[str, ...]
    has_key: bool
    refusal: str = ""

    @property
    def prepared(self) -> bool:
        """Is the local file first, with the key in it?"""
        return self.has_key and self.files[:1] == (KEYS,)

    @property
    def wanted(self) -> str:
        """The value that AuthorizedKeysFile has to get."""
        return " ".join((KEYS, *(name for name in self.files if name != KEYS)))


def look(node: Node, *, user: str, key: str) -> Look:
    """Return what *node*'s sshd does now, by its own ``sshd -T``.

    Args:
        node: where.
        user: the login the key is for.
        key: the public key line.
    """
    try:
        result = script(node, _LOOK, user, key, timeout=_TIMEOUT)
    except NodeError as error:
        return Look(node.name, (), False, error.message)
    lines = result.text.splitlines()
    if lines[:1] == ["broken"]:
        return Look(node.name, (), False, "its sshd configuration is not valid as it stands: run sshd -t there")
    if len(lines) != 2 or lines[0] not in ("has-key", "no-key"):
        return Look(node.name, (), False, "its sshd does not say which files it reads (sshd -T)")
    return Look(node.name, tuple(lines[1].split()), lines[0] == "has-key")


def planned(found: Look) -> PrepareRow:
    """Return what would become of a node."""
    if found.refusal:
        return PrepareRow(found.node, PrepareState.REFUSED, found.refusal)
    if found.prepared:
        return PrepareRow(found.node, PrepareState.ALREADY, f"sshd reads {KEYS} first")
    note = f"install the key in {KEYS}, list it first in {DROP_IN}, sshd -t, arm a revert, reload ssh, log in again"
    return PrepareRow(found.node, PrepareState.WOULD, note)


def prepare(node: Node, found: Look, *, user: str, key: str, login_again: Callable[[], Node]) -> PrepareRow:
    """Install the key on one node, prove a second login, and only then disarm the node's own revert.

    Args:
        node: an open way to it, which stays open throughout.
        found: what :func:`look` said of it.
        user: the login the key is for.
        key: the public key line.
        login_again: opens a new connection to the same node.
    """
    if found.refusal or found.prepared:
        return planned(found)
    try:
        applied = script_with_input(node, _APPLY, user, found.wanted, data=key.encode())
    except NodeError as error:
        note = f"{error.message}; if it was changed, it puts itself back within {REVERT_SECONDS} s"
        return PrepareRow(node.name, PrepareState.NEEDS_HANDS, note)
    if applied:
        return PrepareRow(node.name, PrepareState.REFUSED, applied)
    failure = _second_login(login_again)
    if failure:
        return _put_back(node, f"a second login failed: {failure}")
    kept = script(node, _KEEP, timeout=_TIMEOUT)
    if kept.exit != 0:
        return _put_back(node, "the revert could not be disarmed")
    return PrepareRow(node.name, PrepareState.PREPARED, "a second login has proven it")


def script_with_input(node: Node, text: str, *args: str, data: bytes) -> str:
    """Run shell *text* with *data* on its standard input; return what it complained of, empty where it exited 0."""
    result = node.run(("/bin/sh", "-c", text, "pvefleet-prepare", *args), timeout=_TIMEOUT, stdin=data)
    if result.exit == 0:
        return ""
    return result.error_text.strip() or f"exit status {result.exit}"


def _second_login(login_again: Callable[[], Node]) -> str:
    again = login_again()
    try:
        result = again.run(("true",), timeout=5.0)
    except NodeError as error:
        return error.message
    finally:
        again.close()
    return "" if result.exit == 0 else f"true exited {result.exit}"


def _put_back(node: Node, why: str) -> PrepareRow:
    try:
        result = script(node, _REVERT, timeout=_TIMEOUT)
    except NodeError as error:
        note = f"{why}; putting it back: {error.message}; the node does it itself within {REVERT_SECONDS} s"
        return PrepareRow(node.name, PrepareState.NEEDS_HANDS, note)
    if result.exit != 0:
        return PrepareRow(node.name, PrepareState.NEEDS_HANDS, f"{why}; putting it back: {result.error_text.strip()}")
    return PrepareRow(node.name, PrepareState.REVERTED, why)

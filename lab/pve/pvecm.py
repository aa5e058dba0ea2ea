"""`pvecm`: status, nodes, expected, apiver, updatecerts; the first three end in corosync's own tools, as genuinely."""

from __future__ import annotations

import re
import sys

from . import arguments, cfs
from .cfs import CommandError
from .layout import ETC_PVE

CONF = ETC_PVE / "corosync.conf"
USAGE = """\
USAGE: pvecm <COMMAND> [ARGS] [OPTIONS]

       pvecm qdevice remove 
       pvecm qdevice setup <address> [OPTIONS]

       pvecm addnode <node> [OPTIONS]
       pvecm apiver 
       pvecm create <clustername> [OPTIONS]
       pvecm delnode <node>

       pvecm add <hostname> [OPTIONS]
       pvecm expected <expected>
       pvecm keygen <filename>
       pvecm mtunnel [<extra-args>] [OPTIONS]
       pvecm nodes 
       pvecm status 
       pvecm updatecerts  [OPTIONS]

       pvecm help [<extra-args>] [OPTIONS]"""  # noqa: W291 - the genuine one has these blanks
_NO_CLUSTER = f"Error: Corosync config '{CONF}' does not exist - is this node part of a cluster?"


def _conf() -> str:
    try:
        return CONF.read_text()
    except FileNotFoundError:
        raise CommandError(_NO_CLUSTER, 2) from None


def information(conf: str) -> str:
    """The block before quorumtool's, from the text of corosync.conf; "" when it has no totem section."""
    totem = re.search(r"^totem\s+\{(.*?)^\}", conf, re.MULTILINE | re.DOTALL)
    if totem is None:
        return ""
    found = dict(re.findall(r"^\s*(\w+)\s*:\s*(\S+)", totem[1], re.MULTILINE))
    rows = {
        "Name:": found.get("cluster_name", ""),
        "Config Version:": found.get("config_version", ""),
        "Transport:": found.get("transport", "knet"),
        "Secure auth:": found.get("secauth", "off"),
    }
    body = "".join(f"{key:<17} {value}\n" for key, value in rows.items())
    return f"Cluster information\n-------------------\n{body}\n"


def _status(_words: list[str], _options: dict[str, str]) -> int:
    print(information(_conf()), end="")
    cfs.replace_by(["corosync-quorumtool", "-siH"])


def _nodes(_words: list[str], _options: dict[str, str]) -> int:
    _conf()
    cfs.replace_by(["corosync-quorumtool", "-l"])


def _expected(words: list[str], _options: dict[str, str]) -> int:
    usage = "pvecm expected <expected>"
    arguments.count(words, usage, least=1)
    text = words[0]
    if not text.isdigit():
        raise CommandError(
            f"400 Parameter verification failed.\nexpected: type check ('integer') failed - got '{text}'\n{usage}"
        )
    if int(text) < 1:
        raise CommandError(
            f"400 Parameter verification failed.\nexpected: value must have a minimum value of 1\n{usage}"
        )
    _conf()
    cfs.replace_by(["corosync-quorumtool", "-e", text])


def _apiver(_words: list[str], _options: dict[str, str]) -> int:
    print(1)
    return 0


def _updatecerts(_words: list[str], options: dict[str, str]) -> int:
    from . import updatecerts

    return updatecerts.run(force="force" in options, silent="silent" in options)


_COMMANDS = {
    "status": _status,
    "nodes": _nodes,
    "expected": _expected,
    "apiver": _apiver,
    "updatecerts": _updatecerts,
}


def main(argv: list[str]) -> int:
    """Run one pvecm command; a subcommand may be cut short as long as it is unmistakable."""
    names = [name for name in _COMMANDS if argv and name.startswith(argv[0])]
    command = _COMMANDS[names[0]] if len(names) == 1 else None
    if command is _updatecerts:
        # waits for pmxcfs instead of failing without it
        return _updatecerts([], arguments.split(argv[1:])[1])

    def body() -> int:
        if command is None:
            wrong = f"ERROR: unknown command 'pvecm {argv[0]}'" if argv else "ERROR: no command specified"
            raise CommandError(f"{wrong}\n{USAGE}")
        return command(*arguments.split(argv[1:]))

    sys.stdout.reconfigure(line_buffering=False)  # type: ignore[union-attr]
    return cfs.run(body)

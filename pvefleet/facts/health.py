"""HEALTH: configuration test, keys, names, services, certificates, link statistics and the log of the last hour."""

from __future__ import annotations

import re
from calendar import timegm
from collections import Counter
from time import strptime

from parsers import corosync_cmapctl
from parsers.corosync_cmapctl import KnetLink
from parsers.errors import ParseError
from pvefleet.facts.sources import Answers, Source
from pvefleet.model.health_facts import Certificate, HealthFacts, LinkTrouble, Resolved, Verdict
from pvefleet.model.observation import Seen

UNITS = ("corosync", "pve-cluster", "pve-ha-crm", "pve-ha-lrm", "pvescheduler", "pvestatd", "watchdog-mux")
_CONF_INVALID = 8

CONF_TEST = Source("conf-test", "corosync -t -c /etc/corosync/corosync.conf", 4)
SOURCES = (
    CONF_TEST,
    Source("corosync-version", "corosync -v", 2),
    Source("authkey", "sha256sum /etc/corosync/authkey", 2),
    Source(
        "names",
        # The nodelist's names come from the local copy: it can be read without pmxcfs.
        "for n in $(uname -n) "
        "$(sed -n 's/^[[:space:]]*name:[[:space:]]*//p' /etc/corosync/corosync.conf 2>/dev/null); do "
        'printf "%s" "$n"; getent ahosts "$n" | awk \'!seen[$1]++ {printf " %s", $1}\'; echo; done',
        4,
    ),
    Source("units", f"systemctl is-active {' '.join(UNITS)}; true", 4),
    Source(
        "corosync-log",
        "journalctl -u corosync --since '1 hour ago' -o cat --no-pager"
        " | grep -E 'link: .* is down|Retransmit List'; true",
        5,
    ),
    Source("knet", "corosync-cmapctl -m stats", 3),
    Source("key-files", "sshd -T -C user=root,host=localhost,addr=127.0.0.1 | sed -n 's/^authorizedkeysfile //p'", 4),
    Source(
        "certificates",
        "for f in /etc/pve/local/pveproxy-ssl.pem /etc/pve/local/pve-ssl.pem /etc/pve/pve-root-ca.pem; do "
        'if [ -e "$f" ]; then echo "file=$f"; openssl x509 -noout -subject -enddate -in "$f" || exit; '
        # pveproxy has a certificate of its own only where somebody gave it one
        'elif [ "${f%pveproxy-ssl.pem}" = "$f" ]; then echo "missing=$f"; fi; done',
        4,
        needs_pmxcfs=True,
    ),
    Source("ntp", "timedatectl show -p NTPSynchronized --value", 4),
)


def health(answers: Answers) -> HealthFacts:
    """Return everything the checks look at on one node."""
    return HealthFacts(
        conf_test=conf_test(answers),
        corosync_version=answers.read("corosync-version", "corosync -v", _version),
        authkey=answers.read("authkey", "/etc/corosync/authkey", _digest, absent=("No such file or directory",)),
        names=answers.read("names", "getent ahosts", _names),
        units=answers.read("units", "systemctl is-active", _units),
        trouble=answers.read("corosync-log", "journalctl -u corosync", _trouble),
        knet=answers.read("knet", "corosync-cmapctl -m stats", _knet),
        key_files=answers.read("key-files", "sshd -T", _key_files),
        certificates=answers.read("certificates", "openssl x509", _certificates),
        synchronised=answers.read("ntp", "timedatectl", _synchronised),
    )


def conf_test(answers: Answers) -> Seen[Verdict]:
    """Return what ``corosync -t`` says of the node's own file."""
    said = answers.by_name["conf-test"].stderr.decode("utf-8", "replace").strip().splitlines()
    exit_ = answers.by_name["conf-test"].exit

    def parse(_: str) -> Verdict:
        return Verdict(exit_ == 0, "" if exit_ == 0 else " ".join(said[:3]))

    return answers.read("conf-test", "corosync -t", parse, exits=(0, _CONF_INVALID), absent=("Can't read file",))


def _version(text: str) -> str:
    match = re.match(r"Corosync Cluster Engine, version '([^']+)'", text)
    if match is None:
        raise ParseError("corosync -v", "no version", excerpt=text[:80])
    return match[1]


def _digest(text: str) -> str:
    match = re.match(r"([0-9a-f]{64})\s", text)
    if match is None:
        raise ParseError("sha256sum", "no digest", excerpt=text[:80])
    return match[1]


def _names(text: str) -> tuple[Resolved, ...]:
    rows = [line.split() for line in text.splitlines()]
    if not rows or not all(rows):
        raise ParseError("getent", "a line without a name", excerpt=text[:80])
    unique = {name: Resolved(name, tuple(addresses)) for name, *addresses in rows}
    return tuple(unique.values())


def _units(text: str) -> tuple[tuple[str, str], ...]:
    states = text.split()
    if len(states) != len(UNITS):
        raise ParseError("systemctl is-active", f"expected {len(UNITS)} states", excerpt=text[:80])
    return tuple(zip(UNITS, states, strict=True))


def _trouble(text: str) -> LinkTrouble:
    drops: Counter[tuple[int, int]] = Counter()
    retransmits = 0
    for line in text.splitlines():
        match = re.search(r"link: host: (\d+) link: (\d+) is down", line)
        if match:
            drops[int(match[1]), int(match[2])] += 1
        elif "Retransmit List" in line:
            retransmits += 1
    return LinkTrouble(tuple((host, link, times) for (host, link), times in sorted(drops.items())), retransmits)


def _knet(text: str) -> tuple[KnetLink, ...]:
    return corosync_cmapctl.knet_links(corosync_cmapctl.read(text))


def _key_files(text: str) -> tuple[str, ...]:
    lines = text.splitlines()
    if len(lines) != 1:
        raise ParseError("sshd -T", "no authorizedkeysfile", excerpt=text[:80])
    return tuple(lines[0].split())


def _certificates(text: str) -> tuple[Certificate, ...]:
    found = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        key, _, path = lines[at].partition("=")
        if key == "missing":
            found.append(Certificate(path, "", None))
            at += 1
            continue
        block = lines[at : at + 3]
        heads = [line.partition("=")[0] for line in block]
        if heads != ["file", "subject", "notAfter"]:
            raise ParseError(
                "openssl x509", "expected file, subject and notAfter", excerpt="\n".join(block), line=at + 1
            )
        path, subject, end = (line.partition("=")[2].strip() for line in block)
        try:
            ends = timegm(strptime(end, "%b %d %H:%M:%S %Y GMT"))
        except ValueError:
            raise ParseError("openssl x509", "not a date", excerpt=end, line=at + 3) from None
        found.append(Certificate(path, subject, float(ends)))
        at += 3
    return tuple(found)


def _synchronised(text: str) -> bool:
    word = text.strip()
    if word not in ("yes", "no"):
        raise ParseError("timedatectl", "expected yes or no", excerpt=text[:80])
    return word == "yes"

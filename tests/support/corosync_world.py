"""A cluster whose corosync has a configuration of its own in its files, in /etc/pve and running: all of it text."""

from __future__ import annotations

import re

from parsers import corosync_conf
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.section import Section
from pvefleet.rules.timers import configured
from tests.support.ha_world import HaWorld
from tests.support.world import WorldNode


def conf_text(
    count: int = 3, *, links: int = 2, version: int = 3, totem: str = "", quorum: str = "", votes: int = 1
) -> str:
    """Return a corosync.conf as pvecm writes it, with a comment of the operator's.

    Args:
        count: nodes pve01..
        links: links, 10.77.0.N the first.
        version: config_version.
        totem, quorum: lines to stand in those sections.
        votes: of each node.
    """
    nodes = "".join(
        f"  node {{\n    name: pve{n:02d}\n    nodeid: {n}\n    quorum_votes: {votes}\n"
        + "".join(f"    ring{k}_addr: 10.{77 + k}.0.{n}\n" for k in range(links))
        + "  }\n"
        for n in range(1, count + 1)
    )
    interfaces = "".join(f"  interface {{\n    linknumber: {k}\n  }}\n" for k in range(links))

    def lines(text: str) -> str:
        return "".join(f"  {line}\n" for line in text.splitlines())

    return (
        "# ours\nlogging {\n  debug: off\n  to_syslog: yes\n}\n\n"
        f"nodelist {{\n{nodes}}}\n\n"
        f"quorum {{\n  provider: corosync_votequorum\n{lines(quorum)}}}\n\n"
        f"totem {{\n  cluster_name: lab\n  config_version: {version}\n{interfaces}  ip_version: ipv4-6\n"
        f"  link_mode: passive\n  secauth: on\n{lines(totem)}  version: 2\n}}\n"
    )


def cmap_text(text: str, *, reload_status: int | None = 1, lag: str | None = None, more: str = "") -> str:
    """Return what ``corosync-cmapctl`` prints where corosync runs the configuration *text*.

    Args:
        text: the configuration that runs.
        reload_status: how the last reload ended; None where there was none.
        lag: the configuration whose link timers still hold; that of *text* unless given.
        more: further lines.
    """
    conf = corosync_conf.read(text)
    found = [] if reload_status is None else [f"config.reload_status (i32) = {reload_status}"]
    for place, node in enumerate(conf.section("nodelist").sections("node")):
        for key, value in node.settings():
            kind = "u32" if value.isdecimal() else "str"
            found.append(f"nodelist.node.{place}.{key} ({kind}) = {value}")
    for name in ("totem", "quorum", "logging"):
        for key, value in conf.section(name).settings():
            kind = "u64" if key == "config_version" else "u32" if value.isdecimal() else "str"
            found.append(f"{name}.{key} ({kind}) = {value}")
    for interface in conf.section("totem").sections("interface"):
        number = interface.get("linknumber")
        found.append(f"totem.interface.{number}.bindnetaddr (str) = 10.0.0.0")
        found += [
            f"totem.interface.{number}.{key} (u32) = {value}"
            for key, value in interface.settings()
            if key != "linknumber"
        ]
    works = configured(conf)
    for key in ("token", "consensus", "join", "hold", "token_retransmit", "token_retransmits_before_loss_const"):
        found.append(f"runtime.config.totem.{key} (u32) = {getattr(works, key)}")
    for link in configured(corosync_conf.read(lag or text)).links:
        place = f"runtime.config.totem.interface.{link.link}"
        found.append(f"{place}.knet_ping_interval (u32) = {link.ping_interval}")
        found.append(f"{place}.knet_ping_timeout (u32) = {link.ping_timeout}")
    return "\n".join([*found, *more.splitlines()]) + "\n"


class CorosyncWorld(HaWorld):
    """A cluster of *count* nodes that all have and run :func:`conf_text`, until told otherwise."""

    def __init__(self, count: int = 3, *, links: int = 2, text: str = "") -> None:
        super().__init__(count, links=links)
        text = text or conf_text(count, links=links)
        version = corosync_conf.read(text).config_version
        self.record = dict.fromkeys(self.nodes, text)
        self.local = dict.fromkeys(self.nodes, text)
        self.running = dict.fromkeys(self.nodes, cmap_text(text))
        self.flags = ""
        for node in self.nodes.values():
            node.config_version = node.file_version = node.record_version = version

    def load(self, text: str, *names: str, lag: str | None = None) -> None:
        """Let *names* (every node unless named) run *text*, as after a reload."""
        for name in names or tuple(self.nodes):
            self.running[name] = cmap_text(text, lag=lag)

    def write(self, text: str, *names: str) -> None:
        """Put *text* into both files of *names* (every node unless named); what runs stays."""
        for name in names or tuple(self.nodes):
            self.record[name] = self.local[name] = text

    def corosync_facts(self) -> ClusterFacts:
        """What ``cluster.corosync`` reads."""
        return self.facts(Section.HA)

    def _quorum(self, node: WorldNode) -> tuple[int, str, str]:
        code, text, said = super()._quorum(node)
        return code, re.sub(r"^(Flags: .*)$", rf"\g<1>{self.flags}", text, flags=re.M), said

    def _cmap(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, self.running[node.name], ""

    def _conf_local(self, node: WorldNode) -> tuple[int, str, str]:
        return (0, self.local[node.name], "") if node.corosync != "absent" else super()._conf_local(node)

    def _conf_cluster(self, node: WorldNode) -> tuple[int, str, str]:
        return (0, self.record[node.name], "") if node.corosync != "absent" else super()._conf_cluster(node)

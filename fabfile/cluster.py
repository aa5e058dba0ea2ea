"""The cluster as a whole: quorum, nodes, links."""

from pvefleet.cli.scope import Targets
from pvefleet.cli.task import fleet


@fleet(reads=True, local=True)
def status(c):
    """Show what every node itself sees: quorum, nodes, links, guests, and everything that is not as it should be.

    Needs neither the API nor quorum nor a live pmxcfs. What could not be seen is said, never shown as well.
    On a node: inv cluster.status shows that node's view alone.

    Exit codes: 0 healthy, 4 warnings, 5 critical, 11 no node could be read, 13 output not understood.

      fab cluster.status
      fab -H @prod cluster.status --json
    """
    from pvefleet.model.section import Section
    from pvefleet.rules.status import status_report

    facts = c.fleet.facts(Section.GUESTS, Section.HA, Section.REPLICATION)
    return status_report(facts, rpo_seconds=c.fleet.policy.rpo_seconds)


@fleet(reads=True, local=True)
def nodes(c):
    """Show every node: id, state, votes, quorum, addresses, version, uptime, clock, guests.

    Exit codes: as cluster.status, without the links.
    """
    from pvefleet.model.section import Section
    from pvefleet.rules.status import nodes_report

    return nodes_report(c.fleet.facts(Section.GUESTS))


@fleet(reads=True, local=True)
def links(c):
    """Show every corosync link in both directions, as the node at its start sees it, with addresses and MTU.

    Exit codes: as cluster.status, for links and membership alone.
    """
    from pvefleet.rules.status import links_report

    return links_report(c.fleet.facts())


@fleet(reads=True, local=True)
def corosync(c):
    """Show corosync's configuration as the cluster has it, where files and running values differ, and its timers.

    Compares /etc/pve/corosync.conf, /etc/corosync/corosync.conf and what corosync runs with, key by key, on every node,
    and says what each difference waits for: a copy, a reload, a restart. Timers are the effective ones, with the sum
    they come from. Works without quorum. On a node: inv cluster.corosync shows its view alone.

    Exit codes: 0 healthy, 4 warnings, 5 critical, 11 no node could be read, 13 output not understood.

      fab cluster.corosync
    """
    from pvefleet.model.section import Section
    from pvefleet.rules.corosync_report import corosync_report

    return corosync_report(c.fleet.facts(Section.HA))


@fleet(
    reads=True,
    local=True,
    help={
        "only": "Comma-separated codes, or beginnings of codes: LNK,QUO-E-0001.",
        "waivers": "Waivers file; default: waivers.toml beside hosts.toml, where there is one.",
        "nagios": "One line and the exit codes of a Nagios plugin: 0, 1, 2, 3.",
    },
)
def check(c, only="", waivers="", nagios=False):
    """Look at everything: status, configuration, keys, names, services, certificates, links, how it is built.

    Every finding comes with what was seen and what to do; docs/findings.md explains each code. A waivers file says
    which findings somebody lives with, who, why, and until when.

    Exit codes: 0 nothing, 4 warnings, 5 critical, 11 no node could be read, 13 output not understood.

      fab cluster.check --only LNK,QUO
    """
    from pvefleet.cli.check import check as check_cluster

    return check_cluster(c.fleet, only=only, waivers=waivers, nagios=nagios)


@fleet(
    reads=True,
    local=True,
    help={
        "unit": "Comma-separated systemd units; default: corosync, pve-cluster, the HA daemons, the watchdog.",
        "since": "An age (90s, 15m, 2h, 1d) or a moment (2026-11-24 22:00, by the node's clock in UTC).",
        "grep": "Only messages that match this pattern.",
        "lines": "At most so many messages per node, the newest.",
        "follow": "Go on showing new messages until interrupted.",
    },
)
def logs(c, unit="", since="1h", grep="", lines="500", follow=False):
    """Show the journals of all nodes in one stream, in the order in which things happened: clocks are corrected.

    Works without quorum and without pmxcfs. -H names some nodes only.

    Exit codes: 0, 4 a node was not read, 11 none was.

      fab cluster.logs --since 15m --grep "link|quorum"
      fab -H pve02 cluster.logs --unit corosync --follow
    """
    from pvefleet.cli import logs as journals

    asked = journals.query(unit=unit, since=since, grep=grep, lines=lines)
    return journals.follow(c.fleet, asked) if follow else journals.look(c.fleet, asked)


@fleet(
    name="exec",
    targets=Targets.NAMED,
    help={"command": "What to run, by the node's /bin/sh; or write it after --.", "timeout": "Seconds on each node."},
)
def exec_(c, command="", timeout=""):
    """Run one plain command on the nodes that -H names, side by side, over our own checked connections.

    Exit codes: 0 it ended well everywhere, 11 no node was reached, 20 it failed somewhere, 22 an outcome is unknown.

      fab -H pve01,pve02 cluster.exec -- uptime -p
    """
    from pvefleet.cli.execute import execute

    return execute(c.fleet, command, timeout)


@fleet(name="restart-corosync", changes=True)
def restart_corosync(c):
    """Restart corosync on one node after another, the HA manager's last; stop at the first that does not come back.

    -H names some nodes only. Before each: everybody reachable, a member and quorate, all links connected, one valid
    configuration, votes enough without the node, its watchdog released or HA disarmed. After each: the cluster is whole
    again by every node's own view, and stays so.

    Exit codes: 0 done, 3 refused, nothing changed, 20 stopped midway (fab run.resume), 21 needs hands.

      fab cluster.restart-corosync --plan
      fab -H pve02 cluster.restart-corosync --accept RST-W-0001:pve02='guests may fail over'
    """
    from pvefleet.procedures.restart_corosync import RestartCorosync

    return RestartCorosync(nodes=tuple(entry.name for entry in c.fleet.targets) if c.fleet.named else ())


@fleet(
    name="set-totem",
    changes=True,
    iterable=("set",),
    help={"set": "A setting: token=5000, interface.1.knet_link_priority=10; token= takes it out. Repeatable."},
)
def set_totem(_c, set):
    """Change settings of corosync's totem section live: token, timers, link priorities; docs/corosync.md lists them.

    Shows the difference, and when each value takes effect. A fallback stands on every node first: unless everything is
    proven well on every node, and still is when a cut would have shown, the old values come back by themselves.

    Exit codes: 0 done, 3 refused, nothing changed, 20 stopped midway (fab run.resume), 21 needs hands.

      fab cluster.set-totem --set token=5000 --plan
    """
    from pvefleet.procedures.set_totem import SetTotem

    return SetTotem(settings=tuple(set))


@fleet(
    names=("votes",),
    changes=True,
    iterable=("off",),
    help={
        "votes": "How many votes to expect; restore lets corosync add up its nodelist again, once everybody is back.",
        "off": "NODE=HOW: this node is off, and how that is known. Repeatable; not needed where its BMC proves it.",
    },
)
def expected(c, votes, off):
    """Give those who are left quorum, by expecting fewer votes, once everybody who is away is proven down.

    A sign of life of an absent node refuses it, always. Beyond silence it takes a BMC that reads off, or your word that
    the node is off and how that is known (docs/evidence.md). It lasts until corosync's next reload.

    Exit codes: 0 done, 3 refused, nothing changed, 20 stopped midway (fab run.resume), 21 needs hands.

      fab cluster.expected 1 --off pve02='power cord pulled' --off pve03='power cord pulled' --plan
      fab cluster.expected restore
    """
    from pvefleet.cli.expected import expected as meant

    return meant(c.fleet, votes, off=tuple(off))


@fleet(
    name="add-link",
    changes=True,
    iterable=("address",),
    help={"link": "The number of the new link.", "address": "NODE=IP; default: as hosts.toml has it. Repeatable."},
)
def add_link(c, link, address):
    """Add a link to corosync, live, on every node.

    Every address is on its node, used once, and reached by every other node. A fallback stands on every node first.

    Exit codes: 0 done, 3 refused, nothing changed, 20 stopped midway (fab run.resume), 21 needs hands.

      fab cluster.add-link --link 2 --address pve01=10.79.0.1 --address pve02=10.79.0.2 --address pve03=10.79.0.3
    """
    from pvefleet.cli import link_probe

    return link_probe.add_link(c.fleet, link, address)


@fleet(name="remove-link", changes=True, help={"link": "The number of the link."})
def remove_link(c, link):
    """Remove a link from corosync, live; refused where the links that stay do not connect everybody.

    A fallback stands on every node first: a link that was needed after all comes back by itself.

    Exit codes: 0 done, 3 refused, nothing changed, 20 stopped midway (fab run.resume), 21 needs hands.

      fab cluster.remove-link --link 1 --plan
    """
    from pvefleet.cli import link_probe

    return link_probe.remove_link(c.fleet, link)


@fleet(
    name="change-link",
    changes=True,
    iterable=("address",),
    help={"link": "The number of the link.", "address": "NODE=IP; who is not named keeps its own. Repeatable."},
)
def change_link(c, link, address):
    """Give a link other addresses, live: it is removed and added anew, while another link carries the traffic.

    corosync refuses an address that changes in place. Each reload has its own fallback on every node.

    Exit codes: 0 done, 3 refused, nothing changed, 20 stopped midway (fab run.resume), 21 needs hands.

      fab cluster.change-link --link 1 --address pve02=10.78.0.12
    """
    from pvefleet.cli import link_probe

    return link_probe.change_link(c.fleet, link, address)


@fleet(name="refresh-node", changes=True, names=("node",), targets=Targets.ONE, help={"node": "Which node."})
def refresh_node(c, node):  # noqa: ARG001
    """Bring back a node that slept through a change of corosync.conf: it gets the cluster's, and corosync starts.

    Refused for a node that was removed meanwhile, or whose authkey is another one.

    Exit codes: 0 done, 3 refused, nothing changed, 20 stopped midway (fab run.resume), 21 needs hands.

      fab cluster.refresh-node pve03 --plan
    """
    from pvefleet.procedures.refresh_node import RefreshNode

    (target,) = c.fleet.targets
    return RefreshNode(node=target.name)


@fleet(
    name="test-link",
    changes=True,
    help={"link": "The number of the link.", "node": "On which node its packets are dropped."},
)
def test_link(_c, link, node):  # noqa: PT019 - a task, not a test
    """Drop one link's packets on one node for some seconds, see another link take over, and let them through again.

    Only corosync's own UDP port is dropped, both ways, never the interface; a timer that is armed first lets them
    through again whatever happens. Every other link has to be connected, and the node's watchdog released.

    Exit codes: 0 done, 3 refused, nothing changed, 20 stopped midway (fab run.resume), 21 needs hands.

      fab cluster.test-link --link 0 --node pve02
    """
    from pvefleet.procedures.test_link import TestLink
    from pvefleet.rules.link_world import parse_link

    return TestLink(link=parse_link(link), node=node)


@fleet(
    connects=False,
    help={
        "gateway": "Instead of nodes: this jump host of hosts.toml. Trust it before the nodes behind it.",
        "fingerprint": "Trust without asking where the key has this SHA256:... fingerprint (one node).",
        "yes": "Trust every key that is not known yet without asking. Only on a network you trust.",
    },
)
def trust(c, gateway="", fingerprint="", yes=False):
    """Fetch the nodes' host keys, show their fingerprints, and pin those you agree to under the nodes' names.

    Compare with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the node's console. A key that has changed is never
    replaced here.

    Exit codes: 0 all trusted, 3 one was not taken, 11 no key could be fetched, 20 some could not.

      fab -H pve01 cluster.trust --fingerprint SHA256:...
    """
    from pvefleet.cli.trust import trust as trust_nodes

    return trust_nodes(c.fleet, gateway=gateway, fingerprint=fingerprint, yes=yes)

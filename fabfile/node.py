"""Single nodes: make them ready for an emergency."""

from pvefleet.cli.scope import Targets
from pvefleet.cli.task import fleet


@fleet(
    targets=Targets.NAMED,
    help={
        "key": "Public key file; default: the .pub beside the identity that hosts.toml names.",
        "plan": "Only show what would be done.",
        "yes": "Do not ask.",
    },
)
def prepare(c, key="", plan=False, yes=False):
    """Make logins work also while pmxcfs is stopped or hung: the key in a local file that sshd reads first.

    root's authorized_keys is a link into /etc/pve: with pmxcfs hung, sshd blocks on it. This installs the key in
    /etc/ssh/pvefleet and lists that file first in a drop-in. sshd -t first, a revert armed, proven by a second login.

    Exit codes: 0 prepared, 3 refused or declined, 20 put back after a failed proof, 21 needs hands.

      fab -H pve01,pve02 node.prepare --plan
    """
    from pvefleet.cli.prepare import prepare as prepare_nodes

    return prepare_nodes(c.fleet, key_file=key, plan=plan, yes=yes)


@fleet(
    names=("node",),
    targets=Targets.ONE,
    help={
        "node": "Which node.",
        "confirm": "State that it is off, in these words: NODE is off.",
        "reason": "How that is known; goes with --confirm.",
    },
)
def evidence(c, node, confirm="", reason=""):  # noqa: ARG001
    """Show how far it is proven that a node is down: what was looked at, from where, and what is missing.

    E1 silent from two vantage points; E2 and its watchdog was armed and had 180 s; E3 and you state that it is off; E4
    and its BMC read off twice. Any sign of life is E0. Changes nothing. docs/evidence.md explains the ladder.

    Exit codes: 0 proven at the level the policy asks for, 4 silent but not proven, 5 alive, 11 no other node was read.

      fab node.evidence pve02
    """
    from pvefleet.cli.evidence import node_evidence

    return node_evidence(c.fleet, confirm=confirm, reason=reason)


@fleet(
    names=("node", "action"),
    targets=Targets.ONE,
    help={
        "node": "Which node.",
        "action": "status, or off: the power is cut at once, without a shutdown.",
        "confirm": "The text that is otherwise typed; --plan shows it.",
        "plan": "Only show what would be done.",
    },
)
def power(c, node, action, confirm="", plan=False):  # noqa: ARG001
    """Read a node's power by its management controller (BMC), or cut it and prove that it is off.

    hosts.toml says where the BMC is and where its password comes from; it speaks Redfish or is asked by ipmitool. Off
    asks for the node's name, and for more where the node is alive and has quorum. It is proven by reading off twice.

    Exit codes: 0 known, or proven off; 3 refused or declined; 11 the BMC does not answer; 13 it was not understood;
    21 still on; 22 not proven.

      fab node.power pve02 status
      fab node.power pve02 off --plan
    """
    from pvefleet.cli.power import power as of_node

    return of_node(c.fleet, action, confirm=confirm, plan=plan)

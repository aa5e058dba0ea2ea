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

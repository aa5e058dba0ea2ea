"""Nodes with processors of their own: what a genuine cluster has, and the lab on one machine has not.

Each node keeps what the facts script printed there. When it is sent the script again it reads it, waits as long as a
genuine node works on it, and prints what it kept; logins and everything else remain what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.commands import BenchError
from lab.client import Lab

WORKS = 0.5
"""Seconds that a node waits instead of working: about what the script takes on a lab node that is alone."""

_ANSWER = "/run/facts.answer"
_PROGRAM = "/usr/local/sbin/facts-answer"
_CONFIG = "/etc/ssh/sshd_config.d/answer.conf"
_TEXT = f"""\
#!/bin/sh
nonce=${{SSH_ORIGINAL_COMMAND##* }}
case $SSH_ORIGINAL_COMMAND in
internal-sftp) exec /usr/lib/openssh/sftp-server ;;
*"sh -s -- "*) cat >/dev/null ;;
*"facts.sh nonce"*) nonce=nonce ;;
*) exec /bin/sh -c "$SSH_ORIGINAL_COMMAND" ;;
esac
sleep {WORKS}
exec sed "s/^@nonce /@$nonce /" {_ANSWER}
"""
_PREPARE = f"""\
set -e
/bin/sh -s -- nonce >{_ANSWER}
cat >{_PROGRAM} <<'end of program'
{_TEXT}end of program
chmod 755 {_PROGRAM}
echo 'ForceCommand {_PROGRAM}' >{_CONFIG}
systemctl restart ssh
"""


@contextmanager
def working(lab: Lab, script: bytes) -> Iterator[None]:
    """Have every node answer *script* with what it says now, after a wait that costs no processor.

    Raises:
        BenchError: a node could not be prepared.
    """
    for name in lab.names:
        status, _, err = lab.exec(name, ["/bin/sh", "-c", _PREPARE], stdin=script)
        if status:
            raise BenchError(f"{name} cannot keep an answer: {err.decode(errors='replace').strip()}")
    lab.settle()
    try:
        yield
    finally:
        for name in lab.names:
            lab.exec(name, ["/bin/sh", "-c", f"rm -f {_CONFIG}; systemctl restart ssh"])

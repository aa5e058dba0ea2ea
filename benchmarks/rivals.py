"""The other tools: installed for the measurements alone, each as its own documentation would have it run a script."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.commands import ROOT, BenchError, Command
from lab.client import Lab

VENV = ROOT / ".venv-bench"
_REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
_INSTALL_SECONDS = 300
_END = "@nonce end"


def install() -> None:
    """Make .venv-bench of the pinned requirements, unless it is there and made of these.

    Raises:
        BenchError: it could not be made.
    """
    stamp = VENV / "requirements.txt"
    wanted = _REQUIREMENTS.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    pip: list[str | Path] = [
        VENV / "bin" / "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
        _REQUIREMENTS,
    ]
    venv: list[str | Path] = [sys.executable, "-m", "venv", "--clear", VENV]
    for argv in (venv, pip):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        if done.returncode:
            raise BenchError(f"the tools to compare with cannot be installed: {done.stderr.strip()[-500:]}")
    stamp.write_text(wanted, encoding="utf-8")


class Rivals:
    """The commands that do the same on a lab as ours.

    Args:
        lab: the nodes.
        folder: for the files they need; its path must be short, sockets go there.
        script: shell text that takes a nonce as ``$1`` and ends its output with ``@nonce end``.
    """

    def __init__(self, lab: Lab, folder: Path, script: bytes) -> None:
        self.names = lab.names
        self._lab = lab
        self._folder = folder
        self._script = script
        self._file = folder / "facts.sh"
        self._config = folder / "ssh_config"
        self._file.write_bytes(script)
        hosts = "".join(
            f"Host {node.name}\n  HostName {node.outside(0)}\n  HostKeyAlias {node.name}\n" for node in lab.spec.members
        )
        self._config.write_text(
            f"{hosts}Host *\n  Port 2222\n  User root\n  IdentityFile {lab.identity}\n  IdentitiesOnly yes\n"
            f"  BatchMode yes\n  UserKnownHostsFile {lab.known_hosts}\n  GlobalKnownHostsFile none\n"
            "  LogLevel ERROR\n"
        )
        self._inventory = folder / "inventory"
        self._inventory.write_text("".join(f"{name}\n" for name in lab.names))

    def alone(self, name: str) -> Command:
        """The script on one node: a login and nothing else."""
        argv: list[str | Path] = ["ssh", "-F", self._config, name, "sh -s -- nonce"]
        return Command(f"ssh {name} 'sh -s -- nonce' <facts.sh", argv, self._script, expected=(_END.encode(), 1))

    def login(self) -> Mapping[str, Command]:
        """``true`` on every node: what reaching them costs alone."""
        return {"asyncssh": self._asyncssh("true"), "clush": self._clush("true", b""), "ssh loop": self._loop("true")}

    def script(self) -> Mapping[str, Command]:
        """The script on every node."""
        remote = "sh -s -- nonce"
        return {
            "asyncssh": self._asyncssh(remote, script=True),
            "clush": self._clush(remote, self._script),
            "ssh loop": self._loop(remote, script=True),
            "ansible": self._ansible(),
        }

    def _expected(self, script: bool) -> tuple[bytes, int]:
        return (_END.encode(), len(self.names)) if script else (b"", 0)

    def _asyncssh(self, remote: str, *, script: bool = False) -> Command:
        program = ROOT / "benchmarks" / "with_asyncssh.py"
        hosts = ",".join(f"{node.name}={node.outside(0)}" for node in self._lab.spec.members)
        argv: list[str | Path] = [
            VENV / "bin" / "python",
            program,
            hosts,
            self._lab.identity,
            self._lab.known_hosts,
            remote,
        ]
        shown = f"python benchmarks/with_asyncssh.py NODES KEY KNOWN_HOSTS '{remote}'"
        if script:
            argv, shown = [*argv, self._file], f"{shown} facts.sh"
        return Command(shown, argv, expected=self._expected(script))

    def _clush(self, remote: str, stdin: bytes) -> Command:
        fan = str(len(self.names))
        options = ["-f", fan, "-o", f"-F {self._config}", "-w", ",".join(self.names)]
        source = " <facts.sh" if stdin else " </dev/null"
        return Command(
            f"clush -f {fan} -w NODES '{remote}'{source}",
            [VENV / "bin" / "clush", *options, remote],
            stdin,
            {"CLUSTERSHELL_CFGDIR": str(self._folder), "HOME": str(self._folder)},
            expected=self._expected(bool(stdin)),
        )

    def _loop(self, remote: str, *, script: bool = False) -> Command:
        source = shlex.quote(str(self._file)) if script else "/dev/null"
        ssh = f"ssh -F {shlex.quote(str(self._config))}"
        line = f"for h in {' '.join(self.names)}; do {ssh} $h '{remote}' <{source} || exit; done"
        shown = f"for h in NODES; do ssh $h '{remote}' <{'facts.sh' if script else '/dev/null'}; done"
        return Command(shown, ["sh", "-c", line], expected=self._expected(script))

    def _ansible(self) -> Command:
        """Ansible with its own default of one master connection per host, but none left over from the run before."""
        fan = str(len(self.names))
        persist = 'ANSIBLE_SSH_CONTROL_PATH_DIR=$(mktemp -d "$1/XXXX") exec "$2" all -f "$3" -i "$4" -m script -a "$5"'
        ansible, task = VENV / "bin" / "ansible", f"{self._file} nonce"
        variables = {
            "ANSIBLE_SSH_ARGS": f"-F {self._config} -o ControlMaster=auto -o ControlPersist=5",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_HOME": str(self._folder / "ansible"),
            "HOME": str(self._folder),
        }
        return Command(
            f"ansible all -f {fan} -m script -a 'facts.sh nonce'",
            ["sh", "-c", persist, "ansible", self._folder, ansible, fan, self._inventory, task],
            variables=variables,
            expected=self._expected(script=True),
        )

    def master(self) -> list[str]:
        """The argument vector of an ssh that opens a master connection to the first node, in the background."""
        return ["ssh", "-F", str(self._config), "-M", "-S", self.socket, "-f", "-N", self.names[0]]

    def through_master(self, *more: str) -> list[str]:
        """The argument vector of an ssh that uses the master connection."""
        return ["ssh", "-F", str(self._config), "-S", self.socket, *more, self.names[0]]

    @property
    def socket(self) -> str:
        """Path of the master connection's socket."""
        return str(self._folder / "master")


def short_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder whose path leaves room for a socket's name."""
    return tempfile.TemporaryDirectory(prefix="pvefleet-bench-", ignore_cleanup_errors=True)

"""A stage whose nodes have a corosync.conf each, one in common, units and a corosync that reloads: all of it files."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from parsers import corosync_conf
from pvefleet.facts import fallback
from pvefleet.model.node import CommandResult
from tests.support.stage import Stage

_SYSTEMCTL = """\
#!/bin/sh
units=$(dirname "$STAGE_ASKED")/units
mkdir -p "$units"
verb= names=
for word in "$@"; do
  case $word in -*) ;; *) if [ -z "$verb" ]; then verb=$word; else names="$names $word"; fi ;; esac
done
for name in $names; do
  case $verb in
  start) : >"$units/$name" ;;
  stop) rm -f "$units/$name" ;;
  is-active)
    if [ -e "$units/$name" ]; then word=active; else word=inactive; fi
    case $* in *--quiet*) ;; *) echo $word ;; esac
    [ $word = active ] || exit 3 ;;
  esac
done
"""


@dataclass
class ConfStage(Stage):
    """Nodes with files. ``broken``: nodes whose corosync refuses whatever it is asked about."""

    broken: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Write the files that a cluster which is well has."""
        Stage.__post_init__(self)
        shims = self.root / "shims"
        (shims / "systemctl").write_text(_SYSTEMCTL)
        (shims / "corosync").write_text(
            '#!/bin/sh\n[ ! -e "$(dirname "$STAGE_ASKED")/refuses" ] || { echo "parse error" >&2; exit 8; }\n'
        )
        (shims / "corosync").chmod(0o755)
        self.record.parent.mkdir()
        first = next(iter(self.world.nodes.values()))
        text = self.world._conf(first.record_version)
        self.record.write_text(text)
        for name in self.world.nodes:
            for folder in ("corosync", "systemd", "pvefleet"):
                (self.node(name) / folder).mkdir(parents=True)
            self.own(name).write_text(text)
            if name in self.broken:
                (self.node(name) / "refuses").touch()
        self.mirror()

    @property
    def record(self) -> Path:
        """What stands for /etc/pve/corosync.conf."""
        return self.root / "pve" / "corosync.conf"

    def node(self, name: str) -> Path:
        """Return a node's own disk."""
        return self.root / "nodes" / name

    def own(self, name: str) -> Path:
        """Return what stands for a node's /etc/corosync/corosync.conf."""
        return self.node(name) / "corosync" / "corosync.conf"

    def left_behind(self) -> list[str]:
        """Return what is left of fallbacks, edits and locks."""
        found = [*self.root.glob("nodes/*/systemd/*"), *self.root.glob("nodes/*/pvefleet/fallback*")]
        found += [
            *self.root.glob("nodes/*/units/*"),
            *self.root.glob("pve/corosync.conf.*"),
            *self.root.glob("locks/*"),
        ]
        return sorted(str(path.relative_to(self.root)) for path in found)

    def local(self, name: str, text: str) -> str:
        """Return shell text with a node's paths in the place of the genuine ones."""
        text = text.replace("/etc/systemd/system", str(self.node(name) / "systemd"))
        text = text.replace("/etc/pve/corosync.conf", str(self.record))
        return text.replace("/etc/corosync", str(self.node(name) / "corosync"))

    def run_script(self, name: str, argv: Sequence[str], text: str) -> CommandResult:
        """Run a script on a node; what it wrote to /etc/pve goes to all nodes, and corosync reloads."""
        before = self.record.read_text()
        result = Stage.run_script(self, name, argv, self.local(name, text))
        after = self.record.read_text()
        if after != before:
            for other in self.world.nodes:
                self.own(other).write_text(after)
            conf = corosync_conf.read(after)
            self.later(1.0, lambda: self._reloaded(conf.config_version, conf))
        # Nobody else's units and fallback can have changed.
        self.mirror((name,))
        return result

    def _reloaded(self, version: int, conf: corosync_conf.CorosyncConf | None = None) -> None:
        """Corosync runs a version, and with it the links that its nodes have in it."""
        for node in self.world.nodes.values():
            node.config_version = version
        if conf is not None:
            links = sorted({link for node in conf.nodes for link, _ in node.addresses})
            self.world.carried = {
                link: {node.name or "": dict(node.addresses)[link] for node in conf.nodes} for link in links
            }
        self.mirror(())

    def mirror(self, fallbacks: Collection[str] | None = None) -> None:
        """Let the world say what stands in the files; what is said of fallbacks only on these nodes, or on all."""
        joined = "".join(
            f"runtime.members.{one.nodeid}.config_version (u64) = {one.config_version}\n"
            f"runtime.members.{one.nodeid}.status (str) = joined\n"
            for one in self.world.nodes.values()
        )
        for name, node in self.world.nodes.items():
            cmap = self.world._cmap(node)[1]
            node.overrides |= {
                "conf-local": (0, self.own(name).read_text(), ""),
                "conf-cluster": (0, self.record.read_text(), ""),
                "cmap": (0, cmap + joined, ""),
            }
            if fallbacks is None or name in fallbacks:
                node.overrides["fallback"] = (0, self._fallback(name), "")

    def _fallback(self, name: str) -> str:
        shell = self.local(name, fallback.SOURCES[0].shell)
        shell = shell.replace("/var/lib/pvefleet", str(self.node(name) / "pvefleet"))
        path = f"{self.root / 'shims'}:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"STAGE_ASKED": str(self.node(name) / "asked"), "PATH": path}
        done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, env=environment, timeout=30, check=False)
        return done.stdout.decode()

"""The files of HA in /etc/pve, and the cluster-wide lock around changes to them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.pve import cfs
from lab.pve.cfs import CommandError
from lab.pve.layout import ETC_PVE

from . import section
from .section import Section

Status = dict[str, Any]
LOCK_TRIES = 10
RULE_FLAGS = ("disable",)


class Files:
    """HA's files below `root`; a file that is not there reads as an empty one."""

    def __init__(self, root: Path = ETC_PVE) -> None:
        self.root = root

    def text(self, name: str) -> str:
        """A file's text, by its path below the root."""
        try:
            return cfs.read_once(self.root / name)
        except FileNotFoundError:
            return ""

    def resources(self) -> dict[str, dict[str, str]]:
        """The explicitly set options of each guest under HA, by sid."""
        return {
            f"{one.type}:{one.id}": dict(one.options) for one in section.parse(self.text("ha/resources.cfg")).values()
        }

    def rules(self) -> dict[str, Section]:
        """The rules, comments still encoded."""
        return section.parse(self.text("ha/rules.cfg"))

    def groups(self) -> dict[str, Section]:
        """The groups."""
        return section.parse(self.text("ha/groups.cfg"))

    def digest(self, name: str) -> str:
        """What `--digest` is compared with."""
        return hashlib.sha1(self.text(name).encode(), usedforsecurity=False).hexdigest()

    def write(self, name: str, text: str) -> None:
        """Replace a file; CommandError when that is not possible."""
        cfs.write(self.root / name, text)

    def write_resources(self, resources: Mapping[str, Mapping[str, str]]) -> None:
        """Write resources.cfg."""
        sections = {}
        for sid, options in resources.items():
            kind, _, vmid = sid.partition(":")
            sections[sid] = Section(kind, vmid, dict(options))
        self.write("ha/resources.cfg", section.text(sections))

    def write_rules(self, rules: Mapping[str, Section]) -> None:
        """Write rules.cfg."""
        self.write("ha/rules.cfg", section.text(rules, flags=RULE_FLAGS))

    def write_groups(self, groups: Mapping[str, Section]) -> None:
        """Write groups.cfg."""
        self.write("ha/groups.cfg", section.text(groups))

    def manager_status(self) -> Status:
        """What the manager last wrote."""
        return _decoded(self.text("ha/manager_status"))

    def write_manager_status(self, status: Status) -> None:
        """Write what the manager decided."""
        self.write("ha/manager_status", _encoded(status))

    def lrm_status(self, node: str) -> Status | None:
        """What a node's agent last wrote; None when it never did."""
        text = self.text(f"nodes/{node}/lrm_status")
        return _decoded(text) if text else None

    def write_lrm_status(self, node: str, status: Status) -> None:
        """Write what an agent does."""
        self.write(f"nodes/{node}/lrm_status", _encoded(status))

    def commands(self) -> list[str]:
        """The orders that wait for the manager."""
        return self.text("ha/crm_commands").splitlines()

    def queue(self, command: str) -> None:
        """Append an order for the manager."""
        with self.locked():
            self.write("ha/crm_commands", self.text("ha/crm_commands") + command + "\n")

    def take_commands(self) -> list[str]:
        """Read the orders and empty the file."""
        if not self.text("ha/crm_commands"):
            return []
        with self.locked():
            found = self.commands()
            self.write("ha/crm_commands", "")
        return found

    def members(self, me: str) -> dict[str, bool]:
        """Every node of the cluster, and whether it is in this partition."""
        found = json.loads(self.text(".members") or "{}").get("nodelist") or {}
        return {name: bool(row.get("online")) for name, row in found.items()} or {me: True}

    def owner(self, vmid: str) -> tuple[str, str] | None:
        """(node, qemu or lxc) of a guest."""
        entry = json.loads(self.text(".vmlist") or "{}").get("ids", {}).get(vmid)
        return (entry["node"], entry["type"]) if entry else None

    def is_quorate(self) -> bool:
        """PVE's own test: the write bit of the link `local`."""
        try:
            return bool((self.root / "local").lstat().st_mode & 0o200)
        except OSError:
            return False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the cluster-wide lock around HA's configuration.

        Raises:
            CommandError: no quorum, or somebody else held it all the time.
        """
        lock = self.root / "priv/lock/domain-ha"
        for attempt in range(LOCK_TRIES):
            try:
                lock.mkdir()
                break
            except FileExistsError:
                print("trying to acquire cfs lock 'domain-ha' ...", file=sys.stderr)
                os.utime(lock, (0, 0))
                time.sleep(0 if attempt + 1 == LOCK_TRIES else 1)
            except OSError as error:
                reason = "no quorum!" if error.errno == errno.EACCES else error.strerror
                raise CommandError(f"cfs-lock 'domain-ha' error: {reason}") from None
        else:
            raise CommandError("cfs-lock 'domain-ha' error: got lock request timeout", 17)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock.rmdir()


def _decoded(text: str) -> Status:
    return dict(json.loads(text)) if text.strip() else {}


def _encoded(status: Status) -> str:
    return json.dumps(status, separators=(",", ":"))

"""What every `ha-manager` command needs: the files, the release, and checks they share."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from lab.pve import cfs
from lab.pve.cfs import CommandError
from lab.pve.layout import NodeSettings

from . import versions
from .files import Files

Options = dict[str, str]
MIGRATED = "ha groups have been migrated to rules"


@dataclass(frozen=True, slots=True)
class Context:
    """The node a command runs on.

    Attributes:
        utf8: does its terminal take box drawing?
    """

    settings: NodeSettings
    files: Files
    utf8: bool = True

    def at_least(self, version: tuple[int, ...]) -> bool:
        """Is this node's pve-ha-manager of that version or later?"""
        return versions.of(self.settings.pve) >= version

    def error(self, message: str) -> None:
        """A line that does not end the command."""
        print(message, file=sys.stderr)

    def require_quorum(self) -> None:
        """Refuse what needs quorum.

        Raises:
            CommandError: there is none.
        """
        if not self.files.is_quorate():
            raise CommandError(cfs.NO_QUORUM)

    def refuse_error_state(self, sid: str) -> None:
        """Refuse to touch a guest HA has given up.

        Raises:
            CommandError: it is in error.
        """
        service = self.files.manager_status().get("service_status", {}).get(sid)
        if service is not None and service.get("state") == "error":
            raise CommandError(f"service '{sid}' in error state, must be disabled and fixed first")

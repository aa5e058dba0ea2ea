"""The fallback of a change of corosync.conf, as one node has it: what puts the old configuration back by itself."""

from __future__ import annotations

from dataclasses import dataclass

FOLDER = "/var/lib/pvefleet/fallback"
"""What is staged on a node: both contents, the plan, the script, and once it is armed the deadline."""
UNIT = "pvefleet-fallback"
"""Name of the timer, and of the service that it starts; both survive a reboot."""
DROP_TABLE = "pvefleet_test_link"
"""Name of the nftables table by which ``cluster.test-link`` drops a link's packets for a while."""
UNITS = "/etc/systemd/system"


@dataclass(frozen=True, slots=True)
class FallbackFacts:
    """What stands on one node.

    Attributes:
        version: the config_version of the change that it guards; None where nothing is staged.
        new, revert: SHA-256 of the staged contents, in hex; empty where there is none.
        test: what ``corosync -t`` said of the new content on this node: ``ok``, or its complaint; empty where untested.
        left: seconds until it fires; None where it is not armed.
        timer, service: their state by ``systemctl is-active``.
        files: what stands on the node's disk for it.
        drops: are a link's packets dropped, by ``cluster.test-link``?
    """

    version: int | None
    new: str
    revert: str
    test: str
    left: float | None
    timer: str
    service: str
    files: tuple[str, ...]
    drops: bool = False

    @property
    def armed(self) -> bool:
        """Will it fire?"""
        return self.left is not None and self.timer == "active"

    @property
    def acts(self) -> bool:
        """Is it at work right now?"""
        return self.service in ("active", "activating")

    @property
    def gone(self) -> bool:
        """Is nothing of it left, neither a unit nor a file?"""
        return not self.files and self.timer != "active" and not self.acts

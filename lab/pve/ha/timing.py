"""How long HA takes for things: the genuine seconds, and how much of them a lab node keeps. Here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds, for a node whose lags are the genuine ones times `scale`."""

    scale: float = 1.0

    @property
    def busy_round(self) -> float:
        """From one round of a master or an active agent to the next."""
        return 10.0 * self.scale

    @property
    def idle_round(self) -> float:
        """From one round of everybody else to the next."""
        return 5.0 * self.scale

    @property
    def watchdog(self) -> float:
        """A client of watchdog-mux that says nothing for so long has expired."""
        return 60.0 * self.scale

    @property
    def watchdog_warning(self) -> float:
        """After so long its expiry is announced."""
        return 50.0 * self.scale

    @property
    def lock(self) -> float:
        """The lifetime of a manager's or agent's lock after its last renewal."""
        return 120.0 * self.scale

    @property
    def fence_delay(self) -> float:
        """From a node's leaving the quorate partition to the decision to fence it."""
        return 60.0 * self.scale

    @property
    def gone(self) -> float:
        """How long a node that left the cluster is still told of."""
        return 3600.0 * self.scale

    @property
    def old(self) -> float:
        """A report older than this is that of a dead daemon. Not scaled: it is what people and tools judge by."""
        return 30.0

    @property
    def give_up_lost(self) -> float:
        """The same for an agent that has lost its lock: it ends with its watchdog open, which resets the node."""
        return 90.0 * self.scale

    @property
    def give_up_stop(self) -> float:
        """How long an agent that is told to stop waits for its guests to be frozen or stopped."""
        return 3600.0 * self.scale


IDLE_AGENT_ROUNDS = 60
IDLE_MANAGER_ROUNDS = 90
WORKERS = 4
DRIFT_SECONDS = 2

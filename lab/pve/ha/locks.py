"""A daemon's lock in /etc/pve/priv/lock: held by renewing it, lost with quorum, free to others when it has expired."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


class Lock:
    """One lock of one daemon. `held` is what its last try gave."""

    def __init__(self, path: Path, lifetime: float, log: Callable[[str], None]) -> None:
        self._path, self._lifetime, self._log = path, lifetime, log
        self._renewed: float | None = None
        self.held = False

    def hold(self) -> bool:
        """Take or renew it."""
        error = self._try()
        if error and self.held:
            self._log(f"lost lock '{self._path.name} - {error}")
        if not error and not self.held:
            self._log(f"successfully acquired lock '{self._path.name}'")
        self.held = not error
        if not error:
            self._renewed = time.monotonic()
        return self.held

    def _try(self) -> str:
        """Why it cannot be held; '' when it is."""
        mine = self._renewed is not None and time.monotonic() - self._renewed < self._lifetime
        try:
            if mine:
                os.utime(self._path)
                return ""
            self._path.mkdir()
        except FileExistsError:
            return self._ask()
        except OSError as error:
            if mine and isinstance(error, FileNotFoundError):
                self._renewed = None
                return self._try()
            return f"{'cfs lock update failed' if mine else 'cannot take it'} - {error.strerror}"
        return ""

    def _ask(self) -> str:
        """Somebody has it: ask pmxcfs whether its time is over, and if so take it at once."""
        try:
            os.utime(self._path, (0, 0))
            self._path.mkdir()
        except OSError as error:
            return f"cannot take it - {error.strerror}"
        return ""

    def release(self) -> None:
        """Give it back."""
        if self.held:
            self.held, self._renewed = False, None
            try:
                self._path.rmdir()
            except OSError as error:
                self._log(f"cannot release lock '{self._path.name}' - {error.strerror}")

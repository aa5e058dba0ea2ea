"""The part of systemd's unit file format a lab node needs: files, drop-ins, enablement links, time spans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

UNIT_DIRS = (Path("/etc/systemd/system"), Path("/run/systemd/system"), Path("/usr/lib/systemd/system"))
ENABLE_DIR = UNIT_DIRS[0]
BOOT_TARGETS = ("multi-user.target", "timers.target")

_SPAN_UNITS = {
    "us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3,
    "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
    "w": 604800.0, "week": 604800.0, "weeks": 604800.0,
}  # fmt: skip


def timespan(text: str) -> float:
    """Seconds of a systemd time span such as `40`, `1min 30s`, `500ms`.

    Raises:
        ValueError: the text is no time span.
    """
    text = text.strip()
    if text == "infinity":
        return float("inf")
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text)
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", "", text).strip():
        raise ValueError(f"Failed to parse time span: {text}")
    try:
        return sum(float(number) * _SPAN_UNITS[unit] for number, unit in parts)
    except KeyError as error:
        raise ValueError(f"Failed to parse time span: {text}") from error


@dataclass(slots=True)
class UnitFile:
    """One unit as its files say: `settings` maps (section, key) to every value given, in order."""

    name: str
    path: Path | None = None
    settings: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def all(self, section: str, key: str) -> list[str]:
        """Every value of a key that may be repeated."""
        return self.settings.get((section, key), [])

    def get(self, section: str, key: str, default: str = "") -> str:
        """The last value of a key."""
        values = self.all(section, key)
        return values[-1] if values else default

    def words(self, section: str, key: str) -> list[str]:
        """The blank-separated words of every value of a key."""
        return [word for value in self.all(section, key) for word in value.split()]

    def flag(self, section: str, key: str, default: bool = False) -> bool:
        """A boolean key."""
        value = self.get(section, key)
        return value.lower() in ("yes", "true", "on", "1") if value else default

    def span(self, key: str, default: float) -> float:
        """A time span of the [Service] section in seconds."""
        value = self.get("Service", key)
        return timespan(value) if value else default

    def merge(self, text: str) -> None:
        """Add the settings of one file; an empty value clears the ones before, as systemd has it."""
        section = ""
        for line in text.replace("\\\n", " ").splitlines():
            line = line.strip()
            if not line or line[0] in "#;":
                continue
            if line[0] == "[" and line[-1] == "]":
                section = line[1:-1]
                continue
            key, separator, value = line.partition("=")
            if not separator:
                continue
            slot = (section, key.strip())
            if value.strip():
                self.settings.setdefault(slot, []).append(value.strip())
            else:
                self.settings[slot] = []


def canonical(name: str) -> str:
    """`ssh` -> `ssh.service`; a name with a unit suffix is left alone."""
    return (
        name
        if name.rpartition(".")[2] in ("service", "timer", "target", "socket", "scope", "mount")
        else f"{name}.service"
    )


def find(name: str, dirs: tuple[Path, ...] = UNIT_DIRS) -> Path | None:
    """The file that defines a unit; a dangling link or a link to /dev/null (masked) counts as found."""
    for directory in dirs:
        path = directory / name
        if path.is_symlink() or path.is_file():
            return path
    return None


def read(name: str, dirs: tuple[Path, ...] = UNIT_DIRS) -> UnitFile | None:
    """Parse a unit and its drop-ins; None when there is no such unit. An alias is read under its real name."""
    path = find(name, dirs)
    if path is None:
        return None
    real = path.resolve()
    unit = UnitFile(name=real.name if real.suffix == Path(name).suffix else name, path=real)
    if real.is_file():
        unit.merge(real.read_text())
    for drop_in in _drop_ins(unit.name, dirs):
        unit.merge(drop_in.read_text())
    return unit


def _drop_ins(name: str, dirs: tuple[Path, ...]) -> Iterator[Path]:
    for directory in reversed(dirs):
        yield from sorted((directory / f"{name}.d").glob("*.conf"))


def enabled_at_boot(root: Path = ENABLE_DIR) -> list[str]:
    """Names of the units a boot starts: what the wants directories of the boot targets link to."""
    names = (link.name for target in BOOT_TARGETS for link in sorted((root / f"{target}.wants").glob("*")))
    return [name for name in names if name.endswith((".service", ".timer"))]


def enablement(name: str, dirs: tuple[Path, ...] = UNIT_DIRS) -> str:
    """What `systemctl is-enabled` prints: enabled, disabled, static, masked, alias, or '' for no such unit."""
    path = find(name, dirs)
    if path is None:
        return ""
    if path.is_symlink():
        if str(path.readlink()) == "/dev/null":
            return "masked"
        if path.resolve().name != name:
            return "alias"
    unit = read(name, dirs)
    if unit is None or not (
        unit.words("Install", "WantedBy") or unit.words("Install", "RequiredBy") or unit.words("Install", "Alias")
    ):
        return "static"
    return "enabled" if any(link.is_symlink() for link in links(unit, dirs[0])) else "disabled"


def links(unit: UnitFile, root: Path = ENABLE_DIR) -> list[Path]:
    """The links `systemctl enable` makes for a unit."""
    wants = [root / f"{target}.wants" / unit.name for target in unit.words("Install", "WantedBy")]
    requires = [root / f"{target}.requires" / unit.name for target in unit.words("Install", "RequiredBy")]
    return wants + requires + [root / alias for alias in unit.words("Install", "Alias")]

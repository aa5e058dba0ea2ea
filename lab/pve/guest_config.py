"""A guest's whole configuration file: the options in force, its snapshots, and other sections, which are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from . import cfs, guests
from .guests import QEMU, Kind
from .layout import ETC_PVE

_SECTION = re.compile(r"\[([^\]]+)\]\s*")
_CODED = re.compile(r"[\x00-\x1f%:\x7f]|[^\x00-\x7f]")
_DISK = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
_MOUNT = re.compile(r"rootfs|mp\d+")
OWN_KEYS = frozenset(
    {"snaptime", "parent", "snapstate", "vmstate", "runningmachine", "runningcpu", "description", "lock"}
)
"""What a snapshot's section, or the options in force, have for themselves."""

Options = dict[str, str]


def encoded(text: str) -> str:
    """One line of a description, as it stands behind `#`."""
    return _CODED.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)


@dataclass(slots=True)
class GuestConfig:
    """A guest's configuration.

    Attributes:
        options: in force; `description` is decoded text.
        snapshots: options of each, by its name.
        others: sections that are no snapshots, as they stand in the file.
    """

    options: Options = field(default_factory=dict)
    snapshots: dict[str, Options] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """The file."""
        sections = [_section(self.options)]
        sections += [f"[{name}]\n{body}" for name, body in self.others.items()]
        sections += [f"[{name}]\n{_section(self.snapshots[name])}" for name in sorted(self.snapshots)]
        return "\n".join(sections)


def _section(options: Options) -> str:
    lines = [f"#{encoded(line)}\n" for line in options["description"].split("\n")] if "description" in options else []
    return "".join(lines) + guests.text({key: value for key, value in options.items() if key != "description"})


def parse(text: str) -> GuestConfig:
    """Read a file."""
    config = GuestConfig()
    options, raw = config.options, ""
    for line in text.splitlines():
        head = _SECTION.fullmatch(line)
        if head:
            raw = head[1] if head[1] == "PENDING" or ":" in head[1] else ""
            options = {}
            if raw:
                config.others[raw] = ""
            else:
                config.snapshots[head[1]] = options
        elif raw:
            config.others[raw] += f"{line}\n" if line else ""
        elif line.startswith("#"):
            before = f"{options['description']}\n" if "description" in options else ""
            options["description"] = before + unquote(line[1:])
        elif ":" in line:
            key, _, value = line.partition(":")
            options[key.strip()] = value.strip()
    return config


def load(kind: Kind, vmid: int) -> GuestConfig:
    """A guest of this node.

    Raises:
        FileNotFoundError: there is none.
    """
    return parse((ETC_PVE / guests.path(kind, vmid)).read_text())


def save(kind: Kind, vmid: int, config: GuestConfig) -> None:
    """Write it; needs quorum."""
    cfs.write(ETC_PVE / guests.path(kind, vmid), config.to_text())


def volumes(kind: Kind, options: Options) -> Options:
    """The volumes among a guest's options, by their keys; CD drives and bind mounts are none."""
    pattern = _DISK if kind is QEMU else _MOUNT
    found = {key: value for key, value in options.items() if pattern.fullmatch(key)}
    return {
        key: value.split(",")[0].removeprefix("file=").removeprefix("volume=")
        for key, value in sorted(found.items())
        if "media=cdrom" not in value and ":" in value.split(",")[0]
    }


def all_volumes(kind: Kind, config: GuestConfig) -> list[str]:
    """Every volume that a configuration names: in force, unused, of snapshots and their memory, cloud-init's."""
    found: dict[str, None] = {}
    for options in (config.options, *config.snapshots.values()):
        found |= dict.fromkeys(volumes(kind, options).values())
        found |= dict.fromkeys(value for key, value in options.items() if re.fullmatch(r"unused\d+|vmstate", key))
        found |= dict.fromkeys(value.split(",")[0] for value in options.values() if "-cloudinit" in value)
    return list(found)

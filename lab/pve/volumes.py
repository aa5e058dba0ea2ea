"""Names of a new guest's volumes: `local:100/vm-100-disk-0.raw` on storage of files, `zfs:vm-100-disk-0` on others."""

from __future__ import annotations

import re
from pathlib import Path

from .layout import ETC_PVE
from .storage import OF_FILES

_WANTED = re.compile(r"([a-zA-Z][\w-]*):(\d+(?:\.\d+)?)((?:,[^,]+)*)")
_CLOUDINIT = re.compile(r"([a-zA-Z][\w-]*):cloudinit")
_CLOUDINIT_BYTES = 4 << 20
_SECTION = re.compile(r"^(\w+):\s*(\S+)\s*$", re.MULTILINE)


def allocate(
    value: str, vmid: int, number: int, *, container: bool, storage_cfg: Path = ETC_PVE / "storage.cfg"
) -> str:
    """What stands in the configuration for a wish such as `local-zfs:8,ssd=1`, a size in GiB on a storage.

    Args:
        value: the option's value; one that names a volume is returned as it is.
        vmid: the guest.
        number: of the volume, counted from 0.
        container: whether the guest is one.
        storage_cfg: tells which storage is of which type.
    """
    types = {name: kind for kind, name in _SECTION.findall(storage_cfg.read_text())}
    cloudinit = _CLOUDINIT.fullmatch(value)
    if cloudinit and not container:
        of_files = types.get(cloudinit[1]) in OF_FILES
        name = f"{vmid}/vm-{vmid}-cloudinit.qcow2" if of_files else f"vm-{vmid}-cloudinit"
        return f"{cloudinit[1]}:{name},media=cdrom"
    wish = _WANTED.fullmatch(value)
    if wish is None:
        return value
    storage, size, rest = wish.groups()
    options = [option for option in rest.split(",") if option and not option.startswith("format=")]
    form = next((option[7:] for option in rest.split(",") if option.startswith("format=")), "raw")
    if types.get(storage) not in OF_FILES:
        volume = f"{'subvol' if container else 'vm'}-{vmid}-disk-{number}"
    elif container and float(size) == 0:
        volume = f"{vmid}/subvol-{vmid}-disk-{number}.subvol"
    else:
        volume = f"{vmid}/vm-{vmid}-disk-{number}.{form}"
    shown = f"{float(size):g}G" if float(size) else "0T"
    return ",".join([f"{storage}:{volume}", *options, f"size={shown}"])


def size(value: str) -> int:
    """Bytes that an option wishes for."""
    wish = _WANTED.fullmatch(value)
    return int(float(wish[2]) * (1 << 30)) if wish else _CLOUDINIT_BYTES

"""`pveversion [-v]` of the release the node plays."""

from __future__ import annotations

import os

from .layout import NodeSettings

# release -> (pve-manager, its repository id, then what else differs between the releases)
RELEASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "9.2": ("9.2.11", "14a22df35955d97d", {}),
    "9.0": (
        "9.0.10",
        "deb1ca707ec72a89",
        {
            "proxmox-ve": "9.0.0",
            "pve-cluster": "9.0.6",
            "pve-container": "6.0.13",
            "pve-ha-manager": "5.0.4",
            "qemu-server": "9.0.22",
        },
    ),
    "8.4": (
        "8.4.14",
        "b502d23c55afcba1",
        {
            "proxmox-ve": "8.4.0",
            "corosync": "3.1.9-pve1",
            "pve-cluster": "8.1.2",
            "pve-container": "5.3.3",
            "pve-ha-manager": "4.0.7",
            "qemu-server": "8.4.4",
        },
    ),
}
PACKAGES = {
    "corosync": "3.1.9-2+deb13u1",
    "ifupdown2": "3.0.0-1.3",
    "libpve-access-control": "9.1.1",
    "libpve-apiclient-perl": "3.4.2",
    "libpve-cluster-api-perl": "9.1.6",
    "libpve-cluster-perl": "9.1.6",
    "libpve-common-perl": "9.2.1",
    "libpve-guest-common-perl": "6.0.2",
    "libpve-http-server-perl": "6.0.5",
    "libpve-network-perl": "1.3.0",
    "libpve-notify-perl": "9.1.6",
    "libpve-storage-perl": "9.1.7",
    "lvm2": "2.03.31-2",
    "lxcfs": "6.0.4-1+deb13u1",
    "pve-cluster": "9.1.6",
    "pve-container": "6.1.10",
    "pve-firewall": "6.0.4",
    "pve-ha-manager": "5.2.0",
    "qemu-server": "9.2.6",
    "smartmontools": "7.4-3",
}


def text(release: str, kernel: str, *, verbose: bool) -> str:
    """What the command prints for a release, such as "9.2" or for its latest minor one "8", on a kernel.

    Raises:
        KeyError: a release the lab does not know.
    """
    minor = {name.partition(".")[0]: name for name in sorted(RELEASES)}
    version, repository, differences = RELEASES[minor.get(release, release)]
    if not verbose:
        return f"pve-manager/{version}/{repository} (running kernel: {kernel})\n"
    proxmox_ve = differences.get("proxmox-ve", "9.1.0")
    lines = [
        f"proxmox-ve: {proxmox_ve} (running kernel: {kernel})",
        f"pve-manager: {version} (running version: {version}/{repository})",
    ]
    lines += [f"{name}: {differences.get(name, known)}" for name, known in PACKAGES.items()]
    return "".join(f"{line}\n" for line in lines)


def main(argv: list[str]) -> int:
    """Print it; needs neither pmxcfs nor quorum."""
    verbose = bool({"-v", "--verbose", "-verbose"} & set(argv))
    print(text(NodeSettings.load().pve, os.uname().release, verbose=verbose), end="")
    return 0

"""The cluster's certificate authority and a node's certificate in /etc/pve, made by openssl, by `pvecm updatecerts`.

Genuine keys are RSA of 4096 and 2048 bits; a lab's are of an elliptic curve, which takes milliseconds.
"""

from __future__ import annotations

import subprocess
import tempfile
import uuid
from pathlib import Path

from . import cfs
from .layout import ETC_PVE

AUTHORITY = ETC_PVE / "pve-root-ca.pem"
AUTHORITY_KEY = ETC_PVE / "priv/pve-root-ca.key"
AUTHORITY_DAYS = 3650
NODE_DAYS = 730
_SECONDS = 60
_REQUEST = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def node_files(name: str) -> tuple[Path, Path]:
    """Where a node's certificate and its private key are."""
    folder = ETC_PVE / "nodes" / name
    return folder / "pve-ssl.pem", folder / "pve-ssl.key"


def make_authority() -> None:
    """Make the cluster's authority unless it has one; the caller holds a lock that all nodes respect.

    Raises:
        OSError: openssl is missing.
        subprocess.SubprocessError: it failed.
        cfs.CommandError: /etc/pve takes no writes.
    """
    if AUTHORITY.exists() and AUTHORITY_KEY.exists():
        return
    subject = f"/CN=Proxmox Virtual Environment/OU={uuid.uuid4()}/O=PVE Cluster Manager CA"
    _make(["-subj", subject, "-days", str(AUTHORITY_DAYS)], AUTHORITY, AUTHORITY_KEY)


def make_node_certificate(name: str, domain: str, address: str, *, force: bool) -> None:
    """Make a node's certificate, signed by the cluster's authority, unless it has one.

    Args:
        name: the node's name.
        domain: what follows it in its full name.
        address: its first address.
        force: make a new one in any case.

    Raises:
        OSError: openssl is missing.
        subprocess.SubprocessError: it failed.
        cfs.CommandError: /etc/pve takes no writes.
    """
    certificate, key = node_files(name)
    if certificate.exists() and key.exists() and not force:
        return
    full = f"{name}.{domain}"
    also = f"subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,IP:{address},DNS:{name},DNS:{full}"
    subject = f"/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN={full}"
    signed = ["-CA", str(AUTHORITY), "-CAkey", str(AUTHORITY_KEY)]
    plain = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", also]
    _make(["-subj", subject, "-days", str(NODE_DAYS), *signed, *plain], certificate, key)


def _make(arguments: list[str], certificate: Path, key: Path) -> None:
    """Make both files aside and put them in place whole, the key first: who sees a certificate also has its key."""
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        made, made_key = Path(folder, "certificate"), Path(folder, "key")
        subprocess.run(
            [*_REQUEST, *arguments, "-keyout", str(made_key), "-out", str(made)],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
        cfs.write(key, made_key.read_text())
        cfs.write(certificate, made.read_text())

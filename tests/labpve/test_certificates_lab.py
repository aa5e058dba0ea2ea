"""Certificates of a lab's cluster: one authority, and a certificate of it on every node."""

from __future__ import annotations

import pytest

from tests.labpve.holding import Shell

pytestmark = pytest.mark.lab

NODE = "/etc/pve/nodes/{}/pve-ssl.pem"


def test_every_node_has_a_certificate_of_the_one_authority(shell: Shell) -> None:
    files = [NODE.format(name) for name in ("pve01", "pve02", "pve03")]
    for name in files:
        shell.until("pve01", f"test -e {name}")

    verified = shell.out("pve01", "openssl verify -CAfile /etc/pve/pve-root-ca.pem " + " ".join(files))

    assert verified == "".join(f"{name}: OK\n" for name in files)


def test_a_certificate_names_its_node_and_all_its_names(shell: Shell) -> None:
    shell.until("pve02", "test -e /etc/pve/local/pve-ssl.pem")

    said = shell.out("pve02", "openssl x509 -noout -subject -ext subjectAltName -in /etc/pve/local/pve-ssl.pem")

    assert "subject=OU=PVE Cluster Node, O=Proxmox Virtual Environment, CN=pve02.lab.test\n" in said
    assert "DNS:localhost, IP Address:10.77.0.2, DNS:pve02, DNS:pve02.lab.test" in said


def test_only_force_makes_a_new_one(shell: Shell) -> None:
    serial = "openssl x509 -noout -serial -in /etc/pve/local/pve-ssl.pem"
    shell.until("pve03", "test -e /etc/pve/local/pve-ssl.pem")
    first = shell.out("pve03", serial)

    shell.out("pve03", "pvecm updatecerts")
    assert shell.out("pve03", serial) == first

    shell.out("pve03", "pvecm updatecerts --force")
    assert shell.out("pve03", serial) != first

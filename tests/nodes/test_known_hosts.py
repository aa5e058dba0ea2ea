"""The file that pins host keys: every form it may have, and adding to it."""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
import threading
from pathlib import Path

import pytest

from pvefleet.model.errors import ExitCode
from pvefleet.nodes.ssh.known_hosts import HostKey, HostKeysError, append, known, read


def blob(kind: str, seed: bytes = b"x") -> str:
    """Make a key that is one in form only."""
    body = b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), seed * 32))
    return base64.b64encode(body).decode()


ED = blob("ssh-ed25519")
OTHER = blob("ssh-ed25519", b"y")
RSA = blob("ssh-rsa")


def hashed(name: str) -> str:
    salt = b"s" * 20
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


class TestForms:
    @pytest.mark.parametrize(
        "hosts",
        ["pve01", "PVE01", "other,pve01,10.0.1.11", "[pve01]:2222", hashed("pve01"), "pve*", "pve0?", "*,!pve02"],
    )
    def test_these_name_pve01(self, path: Path, hosts: str) -> None:
        path.write_text(f"{hosts} ssh-ed25519 {ED} a comment\n")
        assert known(path, "pve01") == (HostKey("pve01", "ssh-ed25519", ED, 1),)

    @pytest.mark.parametrize(
        "hosts", ["pve02", "pve011", "xpve01", "10.0.1.11", hashed("pve02"), "*,!pve01", "!pve01,pve*", "pve.1", "|1|x"]
    )
    def test_these_do_not(self, path: Path, hosts: str) -> None:
        path.write_text(f"{hosts} ssh-ed25519 {ED}\n")
        assert known(path, "pve01") == ()

    def test_several_keys_in_the_order_of_the_file(self, path: Path) -> None:
        path.write_text(f"# comment\n\n  pve01\tssh-rsa  {RSA}\r\npve01 ssh-ed25519 {ED}")
        assert [(key.type, key.line) for key in known(path, "pve01")] == [("ssh-rsa", 3), ("ssh-ed25519", 4)]

    def test_a_revoked_key_is_none(self, path: Path) -> None:
        path.write_text(f"@revoked * ssh-ed25519 {ED}\npve01 ssh-ed25519 {ED}\n")
        hosts = read(path)
        assert hosts.revoked("pve01", hosts.keys("pve01")[0])
        assert not hosts.revoked("pve01", HostKey("pve01", "ssh-ed25519", OTHER))

    def test_no_file_pins_nothing(self, path: Path) -> None:
        assert known(path, "pve01") == ()

    def test_a_folder_in_its_place_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(HostKeysError, match="cannot be read: Is a directory") as caught:
            read(tmp_path)
        assert caught.value.exit_code is ExitCode.USAGE


class TestLinesNotUnderstood:
    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("pve01", "names, key type and key expected"),
            (f"pve01 {ED}", "names, key type and key expected"),
            ("pve01 ssh-ed25519 !!!", "the key is not base64"),
            (f"pve01 ssh-rsa {ED}", "the key is not of the type ssh-rsa"),
            ("pve01 ssh-ed25519 AAAA", "the key is not of the type ssh-ed25519"),
            (f"@cert-authority * ssh-ed25519 {ED}", "host certificates (@cert-authority) are not supported"),
            (f"@trusted * ssh-ed25519 {ED}", "unknown marker @trusted"),
            ("\udcff ssh-ed25519 x", "can't decode"),
        ],
    )
    def test_are_reported_where_nothing_else_is_found(self, path: Path, line: str, why: str) -> None:
        path.write_bytes(f"pve02 ssh-ed25519 {ED}\n{line}\n".encode("utf-8", "surrogateescape"))
        assert len(known(path, "pve02")) == 1
        with pytest.raises(HostKeysError) as caught:
            known(path, "pve01")
        assert caught.value.message.startswith(f"{path}: line 2: ")
        assert why in caught.value.message


class TestAppend:
    KEY = HostKey("pve01", "ssh-ed25519", ED)

    def test_everything_else_stays_as_it_is(self, path: Path) -> None:
        before = f"# mine\n\n{hashed('x')} ssh-rsa {RSA}\n@cert-authority * ssh-rsa {RSA}\nnonsense"
        path.write_text(before)
        assert append(path, self.KEY)
        assert path.read_text() == f"{before}\npve01 ssh-ed25519 {ED}\n"

    def test_the_file_and_its_folder_are_made(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "known_hosts"
        assert append(path, self.KEY)
        assert path.read_text() == f"pve01 ssh-ed25519 {ED}\n"

    def test_a_key_that_is_there_is_not_added_again(self, path: Path) -> None:
        assert append(path, self.KEY)
        assert not append(path, self.KEY)
        assert len(path.read_text().splitlines()) == 1

    def test_another_key_of_the_same_type_is_refused(self, path: Path) -> None:
        append(path, self.KEY)
        with pytest.raises(HostKeysError, match="line 1 pins another ssh-ed25519 key under pve01: SHA256:") as caught:
            append(path, HostKey("pve01", "ssh-ed25519", OTHER))
        assert "remove that line first" in caught.value.hint

    def test_another_type_is_added(self, path: Path) -> None:
        append(path, self.KEY)
        assert append(path, HostKey("pve01", "ssh-rsa", RSA))
        assert [key.type for key in known(path, "pve01")] == ["ssh-ed25519", "ssh-rsa"]

    def test_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(HostKeysError, match="cannot be written"):
            append(tmp_path / "file" / "known_hosts", self.KEY)

    def test_many_at_once_lose_nothing(self, path: Path) -> None:
        keys = [HostKey(f"pve{number:02}", "ssh-ed25519", ED) for number in range(24)]
        threads = [threading.Thread(target=append, args=(path, key)) for key in keys for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(path.read_text().splitlines()) == sorted(f"{key.name} ssh-ed25519 {ED}" for key in keys)

    def test_it_waits_for_another_process_that_holds_the_file(self, path: Path) -> None:
        path.touch()
        process = subprocess.Popen(
            ["flock", os.fspath(path), "sh", "-c", "echo held; cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            thread = threading.Thread(target=append, args=(path, self.KEY))
            thread.start()
            thread.join(0.2)
            assert path.read_text() == ""
            process.communicate()
            thread.join(5)
        assert path.read_text() == f"pve01 ssh-ed25519 {ED}\n"


def test_fingerprints_are_those_of_ssh_keygen() -> None:
    """`ssh-keygen -lf` says so of this very key."""
    assert HostKey("x", "ssh-ed25519", ED).fingerprint == "SHA256:lA19YOwnA8sKEBzmWH//YfBfLIamgNX1CzTbbjRJ13M"

"""Private keys: every format and every way in which a file can turn out to be none."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pvefleet.nodes.ssh.identity import Identity, KeyFileError, Keyring

OPENSSH = serialization.PrivateFormat.OpenSSH
PEM = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8
KINDS: dict[str, Callable[[], ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]] = {
    "ssh-ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa-sha2-nistp256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ssh-rsa": lambda: rsa.generate_private_key(65537, 2048),
}
SECRET = "open sesame"


def written(path: Path, kind: str, form: serialization.PrivateFormat = OPENSSH, secret: str = "") -> Path:
    how = serialization.BestAvailableEncryption(secret.encode()) if secret else serialization.NoEncryption()
    path.write_bytes(KINDS[kind]().private_bytes(serialization.Encoding.PEM, form, how))
    return path


def armoured(kind: str) -> bytes:
    return f"-----BEGIN {kind} PRIVATE KEY-----\nAAAA\n-----END {kind} PRIVATE KEY-----\n".encode()


def unasked(path: Path) -> str:
    raise AssertionError(f"nobody should be asked for {path}")


def loaded(path: Path | None, passphrase: Callable[[Path], str | None] = unasked) -> Identity:
    identity = Keyring(passphrase).identity(path)
    assert isinstance(identity, Identity), identity
    return identity


def refused(path: Path, passphrase: Callable[[Path], str | None] = unasked) -> KeyFileError:
    error = Keyring(passphrase).identity(path)
    assert isinstance(error, KeyFileError)
    return error


class TestFormats:
    @pytest.mark.parametrize(
        ("kind", "form"), [*((kind, OPENSSH) for kind in KINDS), ("ssh-rsa", PEM), ("ecdsa-sha2-nistp256", PEM)]
    )
    @pytest.mark.parametrize("secret", ["", SECRET])
    def test_keys(self, tmp_path: Path, kind: str, form: serialization.PrivateFormat, secret: str) -> None:
        path = written(tmp_path / "id", kind, form, secret)
        identity = loaded(path, lambda _path: secret)
        assert identity.key is not None
        assert identity.key.get_name() == kind
        with identity.offered() as key:
            assert key is identity.key

    def test_none_means_whatever_the_agent_has(self) -> None:
        with loaded(None).offered() as key:
            assert key is None


class TestPassphrases:
    def test_asked_once_even_if_there_is_none(self, tmp_path: Path) -> None:
        path = written(tmp_path / "id", "ssh-ed25519", secret=SECRET)
        asked: list[Path] = []
        keyring = Keyring(lambda path: asked.append(path))
        for _ in range(3):
            error = keyring.identity(path)
            assert isinstance(error, KeyFileError)
            assert "is encrypted and there is no passphrase" in str(error)
            assert error.hint == f"ssh-add {path} unlocks it once"
        assert asked == [path]

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_wrong_one(self, tmp_path: Path, kind: str) -> None:
        path = written(tmp_path / "id", kind, secret=SECRET)
        assert str(refused(path, lambda _path: "wrong")) == f"the passphrase does not open the private key {path}"


class TestNoKey:
    @pytest.mark.parametrize(
        ("content", "says", "advises"),
        [
            (b"ssh-ed25519 AAAA me\n", "is a public key", "name the private one"),
            (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "is a PuTTY key", "puttygen"),
            (b"", "is not a private key", "`identity` in hosts.toml"),
            (b"\x00\xff\x00", "is not a private key", "`identity` in hosts.toml"),
            (armoured("OPENSSH"), "no private key that can be used", "ssh-keygen"),
            (armoured("RSA"), "no private key that can be used", "ssh-keygen"),
        ],
    )
    def test_other_files(self, tmp_path: Path, content: bytes, says: str, advises: str) -> None:
        path = tmp_path / "id"
        path.write_bytes(content)
        error = refused(path)
        assert says in str(error)
        assert str(path) in str(error)
        assert advises in error.hint

    def test_a_format_that_paramiko_does_not_read(self, tmp_path: Path) -> None:
        path = written(tmp_path / "id", "ssh-rsa", PKCS8)
        assert refused(path).hint == f"ssh-keygen -p -f {path} converts older formats"

    def test_missing_and_unreadable(self, tmp_path: Path) -> None:
        assert "does not exist" in str(refused(tmp_path / "id"))
        assert "cannot be read: Is a directory" in str(refused(tmp_path))


class TestAgent:
    @pytest.fixture
    def agent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
        """An ssh-agent of the test's own, and how to give it a key."""
        address = tmp_path / "agent"
        try:
            process = subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.DEVNULL)
        except FileNotFoundError:
            pytest.skip("no ssh-agent on this machine")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(address))

        def add(path: Path) -> None:
            path.chmod(0o600)
            subprocess.run(["ssh-add", "-q", str(path)], check=True, capture_output=True)

        while not address.exists():
            assert process.poll() is None
        yield add
        process.terminate()
        process.wait()

    def test_an_encrypted_key_that_it_holds_needs_no_passphrase(
        self, tmp_path: Path, agent: Callable[[Path], None]
    ) -> None:
        path = written(tmp_path / "id", "ssh-ed25519")
        agent(path)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", SECRET, "-f", str(path)], check=True, capture_output=True)
        public = subprocess.run(["ssh-add", "-L"], check=True, capture_output=True, text=True).stdout.split()[1]
        with loaded(path).offered() as key:
            assert key is not None
            assert key.get_base64() == public
            assert key.sign_ssh_data(b"challenge")

    def test_other_keys_that_it_holds_are_not_offered_instead(
        self, tmp_path: Path, agent: Callable[[Path], None]
    ) -> None:
        agent(written(tmp_path / "other", "ssh-ed25519"))
        path = written(tmp_path / "id", "ssh-ed25519", secret=SECRET)
        assert loaded(path, lambda _path: SECRET).key is not None

    def test_a_key_it_has_lost_meanwhile(self, tmp_path: Path, agent: Callable[[Path], None]) -> None:
        path = written(tmp_path / "id", "ssh-ed25519")
        agent(path)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", SECRET, "-f", str(path)], check=True, capture_output=True)
        identity = loaded(path)
        subprocess.run(["ssh-add", "-q", "-D"], check=True, capture_output=True)
        with pytest.raises(KeyFileError, match="does not hold the key any more"), identity.offered():
            pass

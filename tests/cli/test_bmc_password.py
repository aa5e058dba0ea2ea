"""Where a BMC's password comes from, and that it never leaks on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvefleet.cli.bmc import fetch_password
from pvefleet.cli.environment import Environment
from pvefleet.model.errors import InventoryError, PvefleetError, UsageError
from pvefleet.model.inventory import PasswordSource

HERE = Environment({"BMC_PASSWORD": "hunter2", "EMPTY": "", "PATH": "/usr/bin:/bin"}, interactive=False)


def fetched(source: PasswordSource) -> str:
    return fetch_password("pve02", source, HERE)


def test_from_a_variable() -> None:
    assert fetched(PasswordSource("env", ("BMC_PASSWORD",))) == "hunter2"


def test_from_the_first_line_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2\nand a remark\n")
    path.chmod(0o600)
    assert fetched(PasswordSource("file", (str(path),))) == "hunter2"


def test_from_a_program() -> None:
    assert fetched(PasswordSource("command", ("printf", "hunter2\nlogin: fleet\n"))) == "hunter2"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (PasswordSource("env", ("EMPTY",)), "the variable EMPTY, which is not set"),
        (PasswordSource("file", ("/nonexistent/password",)), "No such file"),
        (PasswordSource("command", ("sh", "-c", "echo hunter2; echo locked >&2; exit 3")), "sh exited 3: locked"),
        (PasswordSource("command", ("true",)), "true exited 0"),
        (PasswordSource("command", ("no-such-program",)), "no-such-program exited 127"),
        (PasswordSource("prompt"), "asked for on the terminal, and there is none"),
    ],
)
def test_where_there_is_none(source: PasswordSource, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        fetched(source)
    assert message in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    path.chmod(mode)
    with pytest.raises(InventoryError, match="others can read") as caught:
        fetched(PasswordSource("file", (str(path),)))
    assert caught.value.hint == f"chmod 600 {path}"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("\n")
    path.chmod(0o600)
    with pytest.raises(PvefleetError, match="not in the first line"):
        fetched(PasswordSource("file", (str(path),)))

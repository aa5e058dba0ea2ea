"""The scripts on a node: what is made of what they print."""

from __future__ import annotations

import pytest

from pvefleet.procedures.engine.guard import failure


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("", ""),
        ("exit 0\n", ""),
        ("a warning\nexit 0\nexit 0\n", ""),
        ("exit 1\n", "exit 1"),
        ("first\nthe file is another one by now\n\nexit 3\n", "the file is another one by now (exit 3)"),
        (
            "ok\nexit 0\nJob for corosync.service failed\nexit 1\nlater\nexit 2\n",
            "Job for corosync.service failed (exit 1)",
        ),
        ("ok\nexit 0\nexit 124\n", "exit 124"),
    ],
)
def test_the_first_command_that_failed_is_quoted(output: str, said: str) -> None:
    assert failure(output) == said

"""The root file system's cache, with a stand-in for mmdebstrap on PATH."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lab import host, rootfs
from lab.errors import LabError

TREE = Path(__file__).parents[2]
GOOD = """#!/bin/sh
echo built >> {count}
mkdir -p {made}/etc/ssh {made}/dev {made}/bin
echo key > {made}/etc/ssh/ssh_host_rsa_key
echo conf > {made}/etc/ssh/sshd_config
echo device > {made}/dev/null
exec tar -C {made} -cf - .
"""
BAD = """#!/bin/sh
echo 'I: running apt-get update...' >&2
echo 'E: apt-get update failed: no network' >&2
exit 25
"""
SLOW = """#!/bin/sh
echo building > {count}
mkdir "$TMPDIR/mmdebstrap.scratch"
exec sleep 600
"""


class Recipe:
    """A stand-in for mmdebstrap, and how often it was run."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "bin" / "mmdebstrap"
        self.program.parent.mkdir()
        self._names = {"count": folder / "count", "made": folder / "made"}

    def is_(self, text: str) -> None:
        self.program.write_text(text.format(**self._names))
        self.program.chmod(0o755)

    @property
    def runs(self) -> int:
        count = self._names["count"]
        return len(count.read_text().splitlines()) if count.exists() else 0


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    made = Recipe(tmp_path)
    made.is_(GOOD)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def leftovers(cache: Path) -> list[Path]:
    return [*cache.glob("*.build-*"), *cache.parent.glob("*.build-*")]


def test_it_is_built_once_and_then_taken_from_the_cache(recipe: Recipe, cache: Path) -> None:
    told: list[str] = []

    first = rootfs.ensure("trixie", cache, told.append)
    second = rootfs.ensure("trixie", cache, told.append)

    assert first == second
    assert recipe.runs == 1
    assert told == ["making the root file system (Debian trixie), once, about half a minute"]
    assert (first / "etc/ssh/sshd_config").read_text() == "conf\n"
    assert leftovers(cache) == []


def test_device_files_and_host_keys_are_left_out(recipe: Recipe, cache: Path) -> None:
    place = rootfs.ensure("trixie", cache)

    assert list((place / "dev").iterdir()) == []
    assert [path.name for path in (place / "etc/ssh").iterdir()] == ["sshd_config"]


def test_releases_do_not_share_a_place(cache: Path) -> None:
    assert rootfs.location("trixie", cache) != rootfs.location("bookworm", cache)
    assert rootfs.packages("trixie")[-1] == "libfuse3-4"
    assert rootfs.packages("bookworm")[-1] == "libfuse3-3"


def test_a_failed_build_says_why_in_one_line_and_leaves_only_its_log(recipe: Recipe, cache: Path) -> None:
    recipe.is_(BAD)

    with pytest.raises(
        LabError, match=r"mmdebstrap failed: E: apt-get update failed: no network \(all of it: "
    ) as caught:
        rootfs.ensure("trixie", cache)

    assert "\n" not in str(caught.value)
    assert not rootfs.location("trixie", cache).exists()
    assert leftovers(cache) == []


def test_a_missing_program_is_named_with_the_package_that_has_it() -> None:
    with pytest.raises(LabError, match="no-such-program is missing: install it with `apt install its-package`"):
        host.tool("no-such-program", "its-package")


def test_two_builders_at_once_build_once(recipe: Recipe, cache: Path) -> None:
    builders = [threading.Thread(target=rootfs.ensure, args=("trixie", cache)) for _ in range(4)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()

    assert recipe.runs == 1


def test_what_a_killed_build_left_is_removed_by_the_next(recipe: Recipe, cache: Path) -> None:
    recipe.is_(SLOW)
    script = "from lab import rootfs; from pathlib import Path; import sys; rootfs.ensure('trixie', Path(sys.argv[1]))"
    killed = subprocess.Popen([sys.executable, "-c", script, str(cache)], cwd=TREE, start_new_session=True)
    end = time.monotonic() + 20
    while recipe.runs == 0:
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert len(leftovers(cache)) == 2
    recipe.is_(GOOD)

    place = rootfs.ensure("trixie", cache)

    assert (place / "etc/ssh/sshd_config").exists()
    assert leftovers(cache) == []

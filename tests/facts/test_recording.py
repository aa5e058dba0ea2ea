"""A recording makes the same report again, keeps no password, and is refused where it is not whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pvefleet.facts import cluster as cluster_facts
from pvefleet.facts import recording
from pvefleet.model.errors import OutcomeUnknown, TimedOut, UnreachableReason, UsageError
from pvefleet.model.outcome import Outcome
from pvefleet.model.section import Section
from pvefleet.rules.guest_list import guest_list
from pvefleet.rules.selector import parse
from pvefleet.rules.status import status_report
from tests.support.guest_world import GuestWorld
from tests.support.world import World


def recorded(world: World, folder: Path) -> cluster_facts.Look:
    look = world.look(Section.GUESTS)
    recording.save(look, folder)
    return look


def test_the_report_of_a_recording_is_the_report_of_the_look(tmp_path: Path) -> None:
    world = World(4)
    world["pve01"].vms = {100: "running"}
    world.kill("pve02")
    world["pve03"].pmxcfs = "hung"
    world["pve04"].unreachable = UnreachableReason.HOST_KEY_CHANGED

    look = recorded(world, tmp_path / "rec")
    again = recording.load(tmp_path / "rec", frozenset({Section.GUESTS}))

    assert status_report(cluster_facts.assemble(again)) == status_report(cluster_facts.assemble(look))


def test_every_kind_of_error_comes_back_as_itself(tmp_path: Path) -> None:
    world = World(3)
    look = world.look(Section.GUESTS)
    errors = (TimedOut("pve01", "slow", seconds=3.0), OutcomeUnknown("pve02", "lost", hint="look"))
    outcomes = tuple(Outcome(e.node, None, e, 0.5) for e in errors) + look.outcomes[2:]
    from dataclasses import replace

    recording.save(replace(look, outcomes=outcomes), tmp_path / "rec")
    again = recording.load(tmp_path / "rec", frozenset())

    for before, after in zip(outcomes[:2], again.outcomes[:2], strict=True):
        assert type(after.error) is type(before.error)
        assert after.error is not None
        assert before.error is not None
        assert (after.error.message, after.error.hint) == (before.error.message, before.error.hint)


def test_passwords_are_overwritten_in_place(tmp_path: Path) -> None:
    world = World(1)
    world["pve01"].overrides["members"] = (0, 'x\ncipassword: $5$secret\npassword: p\nnotes: "cipassword: "\n', "")
    recorded(world, tmp_path / "rec")

    kept = (tmp_path / "rec/pve01/members.out").read_bytes()
    assert b"secret" not in kept
    assert b"cipassword: *********\npassword: *\n" in kept


def test_guests_are_recorded_without_their_passwords_and_listed_again(tmp_path: Path) -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", "cipassword: $5$salt$secret\nmemory: 64")
    world.vm(101, "pve02", "memory: 128\ncipassword: secret")
    world.vm(102, "pve03", "memory: 256\n")
    world["pve02"].overrides["guest-configs"] = (0, b"everything\n\x1f\x8bcipassword: secret", "")
    look = world.look(Section.GUEST_CONFIGS, Section.GUESTS)

    recording.save(look, tmp_path / "rec")
    again = recording.load(tmp_path / "rec", frozenset({Section.GUEST_CONFIGS}))

    facts = cluster_facts.assemble(again)
    assert guest_list(facts, parse("@all")) == guest_list(cluster_facts.assemble(look), parse("@all"))
    first = facts.nodes[0].guests
    assert first is not None
    assert first.files.value is not None
    confs = {file.vmid: file.conf for file in first.files.value.files}
    assert [conf.get("cipassword") for conf in confs.values() if conf] == ["*" * 14, "*" * 6, None]
    for kept in (tmp_path / "rec").rglob("guest-configs.out"):
        assert b"secret" not in kept.read_bytes()


def test_a_folder_with_something_in_it_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "note").touch()
    with pytest.raises(UsageError):
        recorded(World(1), tmp_path)


def test_a_recording_without_the_section_is_refused(tmp_path: Path) -> None:
    recorded(World(1), tmp_path / "rec")
    with pytest.raises(UsageError) as caught:
        recording.load(tmp_path / "rec", frozenset({Section.HEALTH}))
    assert "health" in caught.value.message


@pytest.mark.parametrize("spoil", ["missing", "text", "format", "key", "name"])
def test_what_is_no_recording_is_refused(tmp_path: Path, spoil: str) -> None:
    folder = tmp_path / "rec"
    recorded(World(1), folder)
    frame = json.loads((folder / "look.json").read_text())
    if spoil == "missing":
        (folder / "look.json").unlink()
    elif spoil == "text":
        (folder / "look.json").write_text("{")
    else:
        if spoil == "format":
            frame["format"] = 9
        elif spoil == "key":
            del frame["nodes"][0]["via"]
        else:
            frame["nodes"][0]["name"] = "../../etc"
        (folder / "look.json").write_text(json.dumps(frame))

    with pytest.raises(UsageError):
        recording.load(folder, frozenset())

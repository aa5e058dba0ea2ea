"""guest.list: every guest once, by the copy that counts; what was not seen is not made up; what is wrong is found."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from pvefleet.facts import cluster, guest_configs
from pvefleet.model.errors import ExitCode, UnreachableReason, UsageError
from pvefleet.model.guest_list import GuestListReport, ListedGuest
from pvefleet.model.section import Section
from pvefleet.model.status import GuestState
from pvefleet.rules.guest_list import guest_list
from pvefleet.rules.selector import SelectorError, parse
from tests.support.guest_world import Copy, GuestWorld


def listed(world: GuestWorld, selector: str = "@all", *, on: tuple[str, ...] = (), here: str = "") -> GuestListReport:
    return guest_list(world.listing(here=here), parse(selector), on)


def row(report: GuestListReport, vmid: int) -> ListedGuest:
    return next(guest for guest in report.guests if guest.vmid == vmid)


def codes(report: GuestListReport) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in report.findings]


def test_a_healthy_cluster_is_listed_with_every_value_and_no_finding() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", "memory: 4096\ncores: 4\nsockets: 2\ntags: prod;web\n", status="running")
    world.ct(101, "pve02", "memory: 1536\ncores: 2\nlock: suspended\n\n[s1]\nsnaptime: 5\n")
    world.vm(102, "pve03", "template: 1\n")
    world.user_cfg = "pool:prod:all of it:100::\n"
    world.ha_cfg = "vm: 100\n\tstate started\n\n"

    report = listed(world)

    assert report.findings == ()
    assert report.exit_code is ExitCode.OK
    assert (report.cluster, report.nodes_read, report.nodes_total, report.guests_total) == ("lab", 3, 3, 3)
    assert report.guests == (
        ListedGuest(
            vmid=100, type="qemu", name="vm100", node="pve01", state=GuestState.RUNNING, detail="running",
            config_from="pve01", memory_mib=4096, cores=8, tags=("prod", "web"), pool="prod", lock="", template=False,
            ha_managed=True, snapshots=0,
        ),
        ListedGuest(
            vmid=101, type="lxc", name="ct101", node="pve02", state=GuestState.STOPPED, detail="stopped",
            config_from="pve02", memory_mib=1536, cores=2, tags=(), pool="", lock="suspended", template=False,
            ha_managed=False, snapshots=1,
        ),
        ListedGuest(
            vmid=102, type="qemu", name="vm102", node="pve03", state=GuestState.STOPPED, detail="stopped",
            config_from="pve03", memory_mib=512, cores=1, tags=(), pool="", lock="", template=True,
            ha_managed=False, snapshots=0,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "memory", "cores"),
    [
        ("qemu", "", 512, 1),
        ("qemu", "memory: current=8192\n", 8192, 1),
        ("qemu", "memory: 8192\nsockets: 2\n", 8192, 2),
        ("qemu", "memory: lots\ncores: many\n", None, None),
        ("lxc", "", 512, None),
        ("lxc", "cores: 3\n", 512, 3),
    ],
)
def test_what_the_configuration_does_not_say_is_what_proxmox_takes(
    kind: str, text: str, memory: int | None, cores: int | None
) -> None:
    world = GuestWorld(1)
    (world.vm if kind == "qemu" else world.ct)(100, "pve01", text)

    found = row(listed(world), 100)

    assert (found.memory_mib, found.cores) == (memory, cores)


@pytest.mark.parametrize("tags", ["b;a", "b,a", "b a", "b; a"])
def test_tags_are_divided_as_proxmox_divides_them(tags: str) -> None:
    world = GuestWorld(1)
    world.vm(100, "pve01", f"tags: {tags}\n")

    assert row(listed(world), 100).tags == ("b", "a")


def test_options_of_a_snapshot_are_not_the_guests() -> None:
    world = GuestWorld(1)
    world.vm(100, "pve01", "\n[s1]\nlock: backup\nmemory: 9\ntags: old\ntemplate: 1\n")

    found = row(listed(world), 100)

    assert (found.lock, found.memory_mib, found.tags, found.template) == ("", 512, (), False)


def test_a_guest_without_a_name_has_none() -> None:
    world = GuestWorld(1)
    world.vm(100, "pve01", "cores: 1\n", name="")
    world["pve01"].overrides["guest-names"] = (0, "./qemu-server/100.conf\n", "")

    assert row(listed(world), 100).name == ""


# -- nodes that are not there -----------------------------------------------------------------------------------------


def test_a_dead_nodes_guests_are_there_with_their_configuration_and_without_a_state() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", "memory: 2048\n", status="running")
    world.kill("pve02")

    report = listed(world)

    found = row(report, 100)
    assert (found.state, found.detail, found.node) == (GuestState.UNKNOWN, "", "pve02")
    assert (found.name, found.memory_mib, found.config_from) == ("vm100", 2048, "pve01")
    assert codes(report) == [("NOD-E-0001", "pve02")]
    assert report.exit_code is ExitCode.CRITICAL
    assert world.asked_again == []


@pytest.mark.parametrize("alive", ["pve01", "pve02", "pve03", "pve04", "pve05"])
def test_one_node_that_is_left_has_every_guest_whichever_it_is(alive: str) -> None:
    world = GuestWorld(5)
    for number, node in enumerate(world.nodes):
        world.vm(100 + number, node)
    for node in world.nodes:
        if node != alive:
            world.kill(node)

    report = listed(world)

    assert [guest.vmid for guest in report.guests] == [100, 101, 102, 103, 104]
    assert {guest.config_from for guest in report.guests} == {alive}
    assert [guest.vmid for guest in report.guests if guest.state is not GuestState.UNKNOWN] == [
        100 + list(world.nodes).index(alive)
    ]


def test_nodes_that_live_but_cannot_be_asked_cost_one_more_look_and_no_guest() -> None:
    """Both speakers cannot be reached from here: the third thinks them well, and read its own guests only."""
    world = GuestWorld(4)
    for number, node in enumerate(world.nodes):
        world.vm(100 + number, node)
    world["pve01"].unreachable = world["pve02"].unreachable = UnreachableReason.TIMEOUT

    report = listed(world)

    assert len(world.asked_again) == 1
    assert {guest.vmid: guest.config_from for guest in report.guests} == {
        100: world.asked_again[0],
        101: world.asked_again[0],
        102: "pve03",
        103: "pve04",
    }
    assert {code for code, _ in codes(report)} == {"NOD-W-0002"}


def test_configurations_that_really_nobody_could_read_are_said_to_be_unread() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", "memory: 64\n")
    world.vm(101, "pve01")
    world.vm(102, "pve03")
    world["pve01"].unreachable = world["pve02"].unreachable = UnreachableReason.TIMEOUT
    world["pve03"].overrides["guest-configs-all"] = (124, "", "")

    report = listed(world)

    found = row(report, 100)
    assert (found.name, found.memory_mib, found.tags, found.lock, found.snapshots, found.template) == (None,) * 6
    assert (found.node, found.type, found.config_from) == ("pve01", "qemu", "")
    assert ("GST-W-0007", "pve01") in codes(report)
    evidence = next(one.evidence for one in report.findings if one.code == "GST-W-0007")
    assert evidence == ("100, 101",)


def test_without_any_second_look_in_a_cluster_that_is_well() -> None:
    world = GuestWorld(16)
    for number, node in enumerate(world.nodes):
        world.vm(100 + number, node)

    report = listed(world)

    assert len(report.guests) == 16
    assert world.asked_again == []


def test_one_nodes_own_view_has_every_guest_and_its_own_states_alone() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", status="running")
    world.vm(101, "pve03", "lock: backup\n", status="running")

    report = listed(world, here="pve03")

    assert (report.here, report.nodes_read, report.nodes_total) == ("pve03", 1, 3)
    assert [(guest.vmid, guest.state) for guest in report.guests] == [
        (100, GuestState.UNKNOWN),
        (101, GuestState.RUNNING),
    ]
    assert row(report, 100).config_from == "pve03"


def test_no_node_at_all_ends_with_11_and_is_not_taken_for_a_wrong_selector() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01")
    for name in world.nodes:
        world.kill(name)

    report = listed(world, "100")

    assert report.exit_code is ExitCode.NO_NODE_READ
    assert (report.guests, report.guests_total) == ((), 0)


@pytest.mark.parametrize("pmxcfs", ["hung", "stopped"])
def test_a_node_without_its_cluster_file_system_is_one_finding_and_its_guests_come_from_others(pmxcfs: str) -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01")
    world["pve01"].pmxcfs = pmxcfs

    report = listed(world)

    assert [code[:3] for code, _ in codes(report)] == ["PMX"]
    assert row(report, 100).config_from == "pve02"
    assert row(report, 100).state is GuestState.STOPPED, "no process of it runs on its node"


# -- copies that disagree ---------------------------------------------------------------------------------------------


def split(world: GuestWorld) -> Copy:
    """Cut pve03 off with a copy of its own, which is returned."""
    world["pve03"].part = 1
    own = Copy(dict(world.shared.confs))
    world.own["pve03"] = own
    return own


def test_in_a_split_the_quorate_side_says_who_owns_a_guest_and_the_dispute_is_critical() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve03", "memory: 1024\n", status="running")
    split(world)
    world.shared.confs[("pve01", "qemu", 100)] = world.shared.confs.pop(("pve03", "qemu", 100)) + "cores: 4\n"
    world["pve01"].vms[100] = "stopped"

    report = listed(world)

    found = row(report, 100)
    assert (found.node, found.state, found.cores, found.config_from) == ("pve01", GuestState.STOPPED, 4, "pve01")
    assert codes(report) == [("GST-E-0001", "100")]
    assert report.findings[0].evidence == (
        "pve01: qemu guest of pve01",
        "pve02: qemu guest of pve01",
        "pve03: qemu guest of pve03",
    )


def test_a_guest_that_runs_on_two_nodes_is_critical() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve03", status="running")
    split(world)
    world.shared.confs[("pve01", "qemu", 100)] = world.shared.confs.pop(("pve03", "qemu", 100))
    world["pve01"].vms[100] = "running"

    assert codes(listed(world)) == [("GST-E-0002", "100"), ("GST-E-0001", "100")]


def test_a_guest_that_runs_where_its_configuration_is_not_is_critical() -> None:
    """It was moved away and started from the other side, or not started yet, while its node was cut off."""
    world = GuestWorld(3)
    world.vm(100, "pve03")
    world["pve02"].ghosts.add(100)

    assert [(one.code, one.message) for one in listed(world).findings] == [
        ("GST-E-0012", "guest 100 runs on pve02 without its configuration, which pve03 has")
    ]

    world["pve03"].vms[100] = "running"
    assert codes(listed(world)) == [("GST-E-0002", "100")]


def test_a_guest_that_nobody_has_runs_all_the_same() -> None:
    world = GuestWorld(3)
    world["pve02"].ghosts.add(122)

    assert [one.message for one in listed(world).findings] == [
        "guest 122 runs on pve02 without its configuration, which nobody has"
    ]


def test_a_guest_that_moves_runs_on_both_ends() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve03", status="running")
    world["pve02"].ghosts.add(100)
    world.task("pve03", "qmigrate", 100)

    assert codes(listed(world)) == []


def test_what_runs_is_known_while_the_cluster_file_system_hangs() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve03", status="running")
    world["pve03"].pmxcfs = "hung"

    assert row(listed(world), 100).state is GuestState.RUNNING


def test_the_owner_cut_off_has_an_older_copy_and_the_quorate_sides_is_shown() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve03", "memory: 1024\n")
    split(world)
    world.shared.confs[("pve03", "qemu", 100)] = "name: vm100\nmemory: 2048\n"

    report = listed(world)

    assert row(report, 100).memory_mib == 2048
    assert row(report, 100).state is GuestState.STOPPED, "the state is the owner's to tell all the same"
    assert codes(report) == [("GST-W-0008", "lab")]
    assert report.findings[0].evidence == ("100: the copy of pve03 is not that of pve01, pve02",)


def test_a_guest_that_only_the_side_cut_off_knows_is_listed_and_disputed() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve03", status="running")
    split(world)
    del world.shared.confs[("pve03", "qemu", 100)]

    report = listed(world)

    assert (row(report, 100).node, row(report, 100).state) == ("pve03", GuestState.RUNNING)
    assert codes(report) == [("GST-E-0001", "100")]
    assert "pve01: no such guest" in report.findings[0].evidence


def test_a_guest_that_moved_while_it_was_read_is_a_note() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01")
    moved = Copy(dict(world.shared.confs))
    moved.confs[("pve02", "qemu", 100)] = moved.confs.pop(("pve01", "qemu", 100))
    world.own["pve02"] = moved

    report = listed(world)

    assert len(report.guests) == 1
    assert codes(report) == [("GST-I-0009", "lab")]
    assert report.exit_code is ExitCode.OK
    assert row(report, 100).name == "vm100"


def test_a_copy_that_is_not_understood_gives_way_to_one_that_is() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", "memory: 2048\n")
    torn = Copy({("pve01", "qemu", 100): "name: vm100\nmemo\n"})
    world.own["pve01"] = torn

    report = listed(world)

    assert (row(report, 100).memory_mib, row(report, 100).config_from) == (2048, "pve02")
    assert report.findings == ()


# -- configurations and locks -----------------------------------------------------------------------------------------


def test_a_configuration_that_is_not_understood_is_named_by_line_and_the_list_goes_on() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", "this is no option\n", status="running")
    world.vm(101, "pve01")

    report = listed(world)

    found = row(report, 100)
    assert (found.name, found.state, found.memory_mib, found.config_from) == ("vm100", GuestState.RUNNING, None, "")
    assert row(report, 101).memory_mib == 512
    assert codes(report) == [("GST-W-0003", "100")]
    assert report.findings[0].evidence == (
        "qemu-server/100.conf of pve01, line 2: neither an option, a section nor a comment: 'this is no option'",
    )
    assert report.exit_code is ExitCode.NOT_UNDERSTOOD
    assert listed(world, "101").findings == ()
    assert listed(world, "101").exit_code is ExitCode.OK


def test_a_guest_that_the_list_names_and_no_file_describes_is_found() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01")
    for node in world.nodes.values():
        node.overrides["vmlist"] = (
            0,
            '{"version": 2, "ids": {"100": {"node": "pve01", "type": "qemu", "version": 1},'
            ' "105": {"node": "pve02", "type": "lxc", "version": 1}}}',
            "",
        )

    report = listed(world)

    assert codes(report) == [("GST-W-0006", "105")]
    found = row(report, 105)
    assert (found.type, found.node, found.name, found.memory_mib) == ("lxc", "pve02", None, None)


@pytest.mark.parametrize(
    ("lock", "task", "found"),
    [
        ("backup", None, [("GST-W-0004", "100")]),
        ("backup", ("vzdump", 100), []),
        ("backup", ("vzdump", ""), []),
        ("backup", ("vzdump", 999), [("GST-W-0004", "100")]),
        ("snapshot", ("qmsnapshot", 100), []),
        ("snapshot", ("vzdump", ""), [("GST-W-0004", "100")]),
        ("migrate", ("qmigrate", 100), []),
        ("clone", ("qmclone", 900), []),
        ("clone", ("qmigrate", 900), [("GST-W-0004", "100")]),
        ("suspended", None, []),
    ],
)
def test_a_lock_is_left_behind_where_no_task_works_on_the_guest(
    lock: str, task: tuple[str, int | str] | None, found: list[tuple[str, str]]
) -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", f"lock: {lock}\n")
    if task:
        world.task("pve02", *task)

    report = listed(world)

    assert codes(report) == found
    assert row(report, 100).lock == lock


def test_a_dead_nodes_lock_is_left_behind() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", "lock: migrate\n")
    world.kill("pve02")

    report = listed(world)

    assert codes(report) == [("NOD-E-0001", "pve02"), ("GST-W-0004", "100")]
    assert report.findings[1].message == "guest 100 is locked (migrate), and pve02 is down"


def test_a_lock_on_a_node_that_lives_and_was_not_read_is_not_judged() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", "lock: backup\n")
    world["pve02"].unreachable = UnreachableReason.TIMEOUT

    assert codes(listed(world)) == [("NOD-W-0002", "pve02"), ("GST-I-0005", "100")]


def test_a_half_made_snapshot_and_its_lock_are_one_finding() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", "lock: snapshot\n\n[live1]\nsnapstate: prepare\nsnaptime: 5\n")

    report = listed(world)

    assert codes(report) == [("SNP-W-0001", "100/live1")]
    assert report.findings[0].evidence == ("snapstate: prepare", "lock: snapshot")


def test_guests_of_a_removed_node_are_found() -> None:
    world = GuestWorld(3)
    world.shared.confs[("pve09", "qemu", 100)] = "name: old\n"

    report = listed(world)

    assert ("GST-W-0010", "pve09") in codes(report)
    assert row(report, 100).name == "old"
    assert listed(world, "@node-pve09").guests[0].vmid == 100


# -- sources that fail ------------------------------------------------------------------------------------------------


def test_pools_that_could_not_be_read_are_unknown_and_not_empty() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01")
    for node in world.nodes.values():
        node.overrides["guest-pools"] = (2, "", "grep: user.cfg: Input/output error")
        node.overrides["guest-ha"] = (0, "what\n", "")

    report = listed(world)

    assert (row(report, 100).pool, row(report, 100).ha_managed) == (None, None)
    assert {code for code, _ in codes(report)} == {"OUT-W-0002", "OUT-E-0001"}
    assert report.exit_code is ExitCode.NOT_UNDERSTOOD


def test_an_archive_that_is_no_archive_is_not_understood_and_the_other_speaker_has_the_guests() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01")
    world["pve01"].overrides["guest-configs"] = (0, "everything\nrubbish", "")

    report = listed(world)

    assert row(report, 100).config_from == "pve02"
    assert codes(report) == [("OUT-E-0001", "pve01")]


# -- selectors and -H -------------------------------------------------------------------------------------------------


def sample() -> GuestWorld:
    world = GuestWorld(3)
    world.vm(100, "pve01", "tags: prod\n", status="running")
    world.vm(101, "pve02", "tags: prod;db\n")
    world.ct(102, "pve03", status="running")
    world.user_cfg = "pool:prod::100,102::\npool:late::100::\n"
    return world


@pytest.mark.parametrize(
    ("selector", "vmids"),
    [
        ("@all", [100, 101, 102]),
        ("vm*", [100, 101]),
        ("@running", [100, 102]),
        ("@tag-prod,-@tag-db", [100]),
        ("@pool-prod", [100, 102]),
        ("@node-pve02,ct102", [101, 102]),
    ],
)
def test_selectors_go_by_what_was_read(selector: str, vmids: list[int]) -> None:
    report = listed(sample(), selector)

    assert [guest.vmid for guest in report.guests] == vmids
    assert (report.selector, report.guests_total) == (selector, 3)


def test_a_selector_that_matches_nothing_is_refused() -> None:
    with pytest.raises(SelectorError, match="there is no guest 105"):
        listed(sample(), "105")


def test_a_dead_nodes_guests_are_left_out_by_state_and_said_to_be() -> None:
    world = sample()
    world.kill("pve03")

    report = listed(world, "@all,-@stopped")

    assert [guest.vmid for guest in report.guests] == [100]
    assert ("GST-I-0011", "lab") in codes(report)
    evidence = next(one.evidence for one in report.findings if one.code == "GST-I-0011")
    assert evidence == ("-@stopped: not known of 102",)


def test_the_nodes_of_the_command_line_narrow_the_list() -> None:
    assert [guest.vmid for guest in listed(sample(), on=("pve01", "pve03")).guests] == [100, 102]
    with pytest.raises(UsageError, match="none of the guests that 'vm101' selects is on pve01"):
        listed(sample(), "vm101", on=("pve01",))
    empty = sample()
    del empty.shared.confs[("pve03", "lxc", 102)]
    empty["pve03"].containers.clear()
    assert listed(empty, on=("pve03",)).guests == ()


def test_another_name_in_the_cluster_is_the_same_node() -> None:
    world = sample()
    facts = world.listing()
    renamed = replace(facts, nodes=tuple(replace(node, name=f"my-{node.name}") for node in facts.nodes))

    report = guest_list(renamed, parse("@node-pve01,@node-my-pve02"))
    assert [(guest.vmid, guest.node) for guest in report.guests] == [(100, "my-pve01"), (101, "my-pve02")]


# -- speed ------------------------------------------------------------------------------------------------------------


def test_five_thousand_guests_with_ten_thousand_snapshots_are_read_and_parsed_in_two_seconds() -> None:
    world = GuestWorld(16)
    options = "".join(
        f"{key}: some value of {key}\n" for key in ("boot", "cores", "net0", "scsi0", "smbios1", "vmgenid")
    )
    for number in range(5000):
        snapshots = f"\n[one]\n{options}snaptime: 5\n\n[two]\n{options}snaptime: 6\nparent: one\n"
        world.vm(
            100 + number,
            f"pve{number % 16 + 1:02d}",
            options.replace("cores: some value of cores", "cores: 2") + snapshots,
        )
    look = world.look(Section.GUEST_CONFIGS, Section.GUESTS)
    guest_configs._parsed.cache_clear()
    began = time.process_time()

    facts = cluster.assemble(look)
    read = time.process_time() - began
    report = guest_list(facts, parse("@all,-vm1?0"))

    assert (len(report.guests), sum(guest.snapshots or 0 for guest in report.guests)) == (4990, 9980)
    assert read < 2
    assert time.process_time() - began < 4

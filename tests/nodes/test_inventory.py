"""hosts.toml: what it may say, and the one sentence that each mistake earns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pvefleet.model.errors import InventoryError, UsageError
from pvefleet.model.evidence import Level
from pvefleet.model.inventory import BmcEntry, Endpoint, Inventory, PasswordSource, Policy
from pvefleet.nodes.inventory import load, select

NODE = '[clusters.prod.nodes.pve01]\naddress = "10.0.1.11"\n'
TWO = NODE + '[clusters.prod.nodes.pve02]\naddress = "10.0.1.12"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "hosts.toml"
    path.write_text(text)
    return path


def loaded(folder: Path, text: str) -> Inventory:
    return load(written(folder, text))


class TestWhatItSays:
    def test_the_least_that_makes_a_cluster(self, tmp_path: Path) -> None:
        inventory = loaded(tmp_path, NODE)
        (node,) = inventory.nodes
        assert (node.name, node.pve_name, node.cluster) == ("pve01", "pve01", "prod")
        assert node.endpoint == Endpoint("10.0.1.11", 22)
        assert (node.user, node.identity, node.gateway, node.links, node.bmc) == ("root", None, "", (), None)
        assert inventory.clusters[0].policy == Policy()
        assert inventory.known_hosts == tmp_path / "known_hosts"

    def test_a_node_overrides_what_its_cluster_says(self, tmp_path: Path) -> None:
        text = """
            [gateways.bastion]
            address = "b"
            [clusters.c]
            user = "fleet"
            port = 2022
            gateway = "bastion"
            identity = "a"
            [clusters.c.nodes.n]
            address = "n"
            user = "root"
            port = 22
            gateway = ""
            identity = "b"
            pve_name = "pve"
            [clusters.c.nodes.m]
            address = "m"
        """
        own_node, node = loaded(tmp_path, text).nodes
        assert (own_node.user, own_node.endpoint.port, own_node.gateway) == ("root", 22, "")
        assert (own_node.identity, own_node.pve_name) == (tmp_path / "b", "pve")
        assert (node.user, node.endpoint.port, node.gateway) == ("fleet", 2022, "bastion")
        assert (node.identity, node.pve_name) == (tmp_path / "a", "m")

    @pytest.mark.parametrize(
        ("written_as", "means"),
        [
            ("pve01.example.net", Endpoint("pve01.example.net", 22)),
            ("10.0.1.11:2222", Endpoint("10.0.1.11", 2222)),
            ("fd00::11", Endpoint("fd00::11", 22)),
            ("[fd00::11]", Endpoint("fd00::11", 22)),
            ("[fd00::11]:2222", Endpoint("fd00::11", 2222)),
            ("fe80::1%eth0", Endpoint("fe80::1%eth0", 22)),
        ],
    )
    def test_addresses(self, tmp_path: Path, written_as: str, means: Endpoint) -> None:
        (node,) = loaded(tmp_path, f'[clusters.c.nodes.n]\naddress = "{written_as}"\n').nodes
        assert node.endpoint == means

    @pytest.mark.parametrize(
        ("written_as", "means"),
        [
            ('["10.0.2.1", "10.0.3.1"]', ((0, "10.0.2.1"), (1, "10.0.3.1"))),
            ('{ 2 = "10.0.3.1", 0 = "10.0.2.1" }', ((0, "10.0.2.1"), (2, "10.0.3.1"))),
            ("[]", ()),
        ],
    )
    def test_links_as_a_list_or_by_number(self, tmp_path: Path, written_as: str, means: tuple[object, ...]) -> None:
        (node,) = loaded(tmp_path, f"{NODE}links = {written_as}\n").nodes
        assert node.links == means

    def test_paths_are_relative_to_the_file_and_know_the_home_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir("/")
        monkeypatch.setenv("HOME", "/srv/fleet")
        text = 'known_hosts = "keys/known"\n[clusters.c]\nidentity = "~/.ssh/id"\n[clusters.c.nodes.n]\naddress = "n"\n'
        path = written(tmp_path, text)
        inventory = load(Path(os.path.relpath(path)))
        assert inventory.known_hosts == tmp_path / "keys/known"
        assert inventory.nodes[0].identity == Path("/srv/fleet/.ssh/id")

    def test_policy_takes_whole_numbers_for_seconds(self, tmp_path: Path) -> None:
        inventory = loaded(tmp_path, NODE + "[clusters.prod.policy]\nconnect_seconds = 3\nparallel = 4\n")
        assert inventory.clusters[0].policy == Policy(connect_seconds=3.0, parallel=4)

    def test_the_least_that_makes_a_bmc(self, tmp_path: Path) -> None:
        (node,) = loaded(tmp_path, NODE + 'bmc = { type = "redfish", address = "10.0.9.1", user = "u" }').nodes
        assert node.bmc == BmcEntry("redfish", Endpoint("10.0.9.1", 443), "u", PasswordSource("prompt"))

    def test_everything_a_bmc_can_say(self, tmp_path: Path) -> None:
        text = NODE + "bmc = { type='redfish', address='[fd00::9]:8443', user='u', system='Self', fingerprint='%s' }"
        (node,) = loaded(tmp_path, text % ("SHA256:" + ":".join(["0A"] * 32))).nodes
        assert node.bmc is not None
        assert (node.bmc.endpoint, node.bmc.system) == (Endpoint("fd00::9", 8443), "Self")
        assert node.bmc.fingerprint == "0a" * 32
        (node,) = loaded(tmp_path, NODE + "bmc = {type='redfish', address='b', user='u', cafile='ca.pem'}").nodes
        assert node.bmc is not None
        assert node.bmc.cafile == tmp_path / "ca.pem"

    @pytest.mark.parametrize(
        ("written_as", "means"),
        [
            ('"prompt"', PasswordSource("prompt")),
            ('{ env = "BMC_PASSWORD" }', PasswordSource("env", ("BMC_PASSWORD",))),
            ('{ file = "/etc/bmc" }', PasswordSource("file", ("/etc/bmc",))),
            ('{ command = ["pass", "show", "bmc"] }', PasswordSource("command", ("pass", "show", "bmc"))),
        ],
    )
    def test_where_its_password_comes_from(self, tmp_path: Path, written_as: str, means: PasswordSource) -> None:
        text = f'{NODE}bmc = {{ type = "ipmitool", address = "b", user = "u", password = {written_as} }}'
        (node,) = loaded(tmp_path, text).nodes
        assert node.bmc == BmcEntry("ipmitool", Endpoint("b", 623), "u", means)

    def test_policy_says_how_much_evidence_is_needed(self, tmp_path: Path) -> None:
        inventory = loaded(tmp_path, NODE + '[clusters.prod.policy]\nevidence = "E3"\n')
        assert inventory.clusters[0].policy.evidence is Level.E3

    def test_every_cluster_is_a_group(self, tmp_path: Path) -> None:
        inventory = loaded(tmp_path, TWO + '[groups]\nrack = ["pve02", "pve02"]\n')
        assert inventory.groups == (("prod", ("pve01", "pve02")), ("rack", ("pve02",)))


MISTAKES = {
    "misspelt key": (NODE + 'adress = "x"', "clusters.prod.nodes.pve01.adress: unknown key", "did you mean address?"),
    "unknown table": ("[hosts]\n" + NODE, "hosts: unknown key", "did you mean known_hosts?"),
    "unknown key far from all": (NODE + "x = 1", "pve01.x: unknown key", "known keys: address, alternatives, links"),
    "missing address": ("[clusters.c.nodes.n]\n", "clusters.c.nodes.n.address: missing", "no default"),
    "number for text": (
        "[clusters.c.nodes.n]\naddress = 1",
        "clusters.c.nodes.n.address: must be text in quotes, not a number",
        "",
    ),
    "text for a number": (NODE + 'port = "22"', "pve01.port: must be a whole number, not text", ""),
    "true for a number": (NODE + "port = true", "pve01.port: must be a whole number, not true or false", ""),
    "fraction for a port": (NODE + "port = 22.5", "pve01.port: must be a whole number", ""),
    "a date": (
        NODE + "[clusters.prod.policy]\nconnect_seconds = 2024-01-01",
        "clusters.prod.policy.connect_seconds: must be a number, not a date or time",
        "",
    ),
    "value for a table": ("clusters = 3", "clusters: must be a table, not a number", ""),
    "list for a table": ("[clusters.c]\nnodes = []", "clusters.c.nodes: must be a table, not a list", ""),
    "alternatives as text": (NODE + 'alternatives = "x"', "pve01.alternatives: must be a list, not text", ""),
    "no cluster": ("[clusters]", "clusters: there is no cluster", "[clusters.NAME]"),
    "empty cluster": ("[clusters.c.nodes]", "clusters.c.nodes: the cluster has no node", "[clusters.c.nodes.NODE]"),
    "two defaults": (
        TWO + "[clusters.prod]\ndefault = true\n[clusters.b]\ndefault = true\n[clusters.b.nodes.x]\naddress = 'x'",
        "clusters.b.default: prod is the default already",
        "one cluster at most",
    ),
    "the same alias in two clusters": (
        NODE + "[clusters.b.nodes.pve01]\naddress = 'x'",
        "clusters.b.nodes.pve01: cluster prod has a node of that name already",
        "pve_name",
    ),
    "the same pve_name twice in a cluster": (
        TWO + "pve_name = 'pve01'",
        "clusters.prod.nodes.pve02.pve_name: pve01 has the same name in the cluster",
        "uname -n",
    ),
    "one address for two nodes": (
        NODE + "[clusters.prod.nodes.pve02]\naddress = '10.0.1.11:22'",
        "clusters.prod.nodes.pve02: 10.0.1.11:22 is the address of pve01 already",
        "",
    ),
    "unknown member": (TWO + "[groups]\nr = ['pve03']", "groups.r: there is no node 'pve03'", "did you mean pve0"),
    "empty group": (TWO + "[groups]\nr = []", "groups.r: the group is empty", ""),
    "group named as a cluster": (TWO + "[groups]\nprod = ['pve01']", "groups.prod: a cluster has that name", "rename"),
    "unknown gateway": (
        NODE + "gateway = 'basion'\n[gateways.bastion]\naddress = 'b'",
        "clusters.prod.nodes.pve01.gateway: there is no gateway 'basion'",
        "did you mean bastion?",
    ),
    "gateway named as a node": (NODE + "[gateways.pve01]\naddress = 'b'", "a gateway has that name already", "by name"),
    "user in an address": ("[clusters.c.nodes.n]\naddress = 'root@n'", "nodes.n.address: a user name does not", "HOST"),
    "no such port": ("[clusters.c.nodes.n]\naddress = 'n:70000'", "nodes.n.address: 70000 is not a TCP port", "HOST"),
    "empty port": ("[clusters.c.nodes.n]\naddress = 'n:'", "nodes.n.address: '' is not a TCP port", "HOST:PORT"),
    "port 0": (NODE + "port = 0", "pve01.port: 0 is not a TCP port", ""),
    "brackets around a name": ("[clusters.c.nodes.n]\naddress = '[n]:22'", "[n] is not an IPv6 address", "[IPv6]:PORT"),
    "half an IPv4 address": ("[clusters.c.nodes.n]\naddress = '10.0.1'", "neither an IP address nor a host name", ""),
    "empty address": ("[clusters.c.nodes.n]\naddress = ''", "neither an IP address nor a host name", ""),
    "port on a link": (NODE + "links = ['10.0.2.1:22']", "pve01.links.0: '10.0.2.1:22' is neither", ""),
    "link 8": (NODE + "links = { 8 = '10.0.2.1' }", "pve01.links.8: corosync has links 0 to 7", ""),
    "link named": (NODE + "links = { ring0 = '10.0.2.1' }", "ring0: corosync has links 0 to 7", ""),
    "one address on two links": (NODE + "links = ['10.0.2.1', '10.0.2.1']", "links.1: 10.0.2.1 is another link's", ""),
    "no time at all": (
        NODE + "[clusters.prod.policy]\nconnect_seconds = 0",
        "connect_seconds: must be more than 0",
        "",
    ),
    "for ever": (NODE + "[clusters.prod.policy]\ncommand_seconds = inf", "command_seconds: must be more than 0", ""),
    "blank in a name": ("[clusters.c.nodes.'a b']\naddress = 'x'", 'clusters.c.nodes."a b": ', "as typed after -H"),
    "empty user": (NODE + "user = ''", "pve01.user: '' is not a login name", ""),
    "empty identity": (NODE + "identity = ''", "pve01.identity: is empty", "leave the key out"),
    "nobody's home": (NODE + "identity = '~nobody-of-that-name/id'", "~nobody-of-that-name is nobody's home", ""),
    "unknown bmc": (
        NODE + "[clusters.prod.nodes.pve01.bmc]\ntype = 'ilo'\naddress = 'x'\nuser = 'u'",
        "pve01.bmc.type: 'ilo' is not known",
        '"ipmitool" or "redfish"',
    ),
    "a password": (
        NODE + "bmc = {type='ipmitool', address='x', user='u', password='hunter2'}",
        'pve01.bmc.password: must be "prompt" or a table of one of env, file, command',
        "",
    ),
    "two passwords": (
        NODE + "bmc = {type='ipmitool', address='x', user='u', password={env='P', command=['p']}}",
        'pve01.bmc.password: must be "prompt" or a table of one of env, file, command',
        "",
    ),
    "a password as a variable": (
        NODE + "bmc = {type='ipmitool', address='x', user='u', password={env='hunter 2'}}",
        "pve01.bmc.password.env: is not the name of an environment variable",
        "",
    ),
    "no command": (
        NODE + "bmc = {type='ipmitool', address='x', user='u', password={command=[]}}",
        "pve01.bmc.password.command: is empty",
        "pass",
    ),
    "an option as a user": (
        NODE + "bmc = {type='ipmitool', address='x', user='-P'}",
        "pve01.bmc.user: '-P' is not a login name",
        "",
    ),
    "fingerprint of something else": (
        NODE + "bmc = {type='redfish', address='x', user='u', fingerprint='SHA1:00'}",
        "pve01.bmc.fingerprint: is not the SHA-256 of a certificate",
        "64 hex digits",
    ),
    "two ways to trust": (
        NODE + f"bmc = {{type='redfish', address='x', user='u', cafile='c', fingerprint='{'00' * 32}'}}",
        "pve01.bmc: both cafile and fingerprint are set",
        "keep one",
    ),
    "certificate for ipmi": (
        NODE + "bmc = {type='ipmitool', address='x', user='u', cafile='c'}",
        "pve01.bmc.cafile: only Redfish has that",
        "leave the key out",
    ),
    "a path as a system": (
        NODE + "bmc = {type='redfish', address='x', user='u', system='1/../2'}",
        "pve01.bmc.system: '1/../2' is not the id of a system",
        "",
    ),
    "silence as evidence": (
        NODE + "[clusters.prod.policy]\nevidence = 'E1'",
        "prod.policy.evidence: E1 never suffices: a node that is only cut off is silent too",
        "E2, E3 or E4",
    ),
    "no evidence": (NODE + "[clusters.prod.policy]\nevidence = 'none'", "evidence: 'none' is no level", "E2, E3 or E4"),
}


class TestMistakes:
    @pytest.mark.parametrize(("text", "message", "hint"), MISTAKES.values(), ids=MISTAKES.keys())
    def test_file_key_reason_and_what_to_do(self, tmp_path: Path, text: str, message: str, hint: str) -> None:
        path = written(tmp_path, text)
        with pytest.raises(InventoryError) as caught:
            load(path)
        assert caught.value.message.startswith(f"{path}: ")
        assert message in caught.value.message
        assert hint in caught.value.hint

    @pytest.mark.parametrize("text", ["known_hosts = 'x'\nclusters = = 1\n", "known_hosts = 'x'\n[clusters"])
    def test_not_toml_names_the_line(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(InventoryError, match=r"hosts\.toml: line 2: not TOML: "):
            loaded(tmp_path, text)

    def test_a_password_that_stands_there_all_the_same_is_not_repeated(self, tmp_path: Path) -> None:
        with pytest.raises(InventoryError) as caught:
            loaded(tmp_path, MISTAKES["a password"][0])
        assert "hunter2" not in caught.value.message + caught.value.hint

    def test_not_utf8_names_the_line(self, tmp_path: Path) -> None:
        path = tmp_path / "hosts.toml"
        path.write_bytes(b"known_hosts = 'x'\n# \xff\n")
        with pytest.raises(InventoryError, match="line 2: not UTF-8"):
            load(path)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InventoryError, match="no such file") as caught:
            load(tmp_path / "hosts.toml")
        assert "PVEFLEET_HOSTS" in caught.value.hint

    def test_a_folder_in_its_place(self, tmp_path: Path) -> None:
        with pytest.raises(InventoryError, match="cannot be read: Is a directory"):
            load(tmp_path)


class TestSelect:
    @pytest.fixture
    def inventory(self, tmp_path: Path) -> Inventory:
        return loaded(tmp_path, TWO + '[groups]\nrack = ["pve02"]\n')

    @pytest.mark.parametrize(
        ("typed", "picked"),
        [
            ([], []),
            (["pve02", "pve01"], ["pve02", "pve01"]),
            ([" pve01 ", "", "pve01"], ["pve01"]),
            (["@rack", "@prod"], ["pve02", "pve01"]),
        ],
    )
    def test_order_groups_blanks_repetitions(self, inventory: Inventory, typed: list[str], picked: list[str]) -> None:
        assert [node.name for node in select(inventory, typed)] == picked

    @pytest.mark.parametrize(
        ("typed", "hint"),
        [
            (["pve1"], "did you mean pve01?"),
            (["@rak"], "did you mean @rack?"),
            (["rack"], "write @rack"),
            (["root@pve01"], "only names of hosts.toml"),
            (["pve01:22"], "only names of hosts.toml"),
            (["zzz"], "known: pve01, pve02"),
            ([" ", ""], "known nodes: pve01, pve02"),
        ],
    )
    def test_unknown_names_are_refused_with_advice(self, inventory: Inventory, typed: list[str], hint: str) -> None:
        with pytest.raises(UsageError) as caught:
            select(inventory, typed)
        assert hint in caught.value.hint

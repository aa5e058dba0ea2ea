"""What one node's copy of the cluster file system says of guests: configuration files, pools, HA, and its own tasks."""

from __future__ import annotations

from dataclasses import dataclass

from parsers.guest_conf import GuestConf
from parsers.ha_resources_cfg import HaResource
from parsers.task_index import Task
from parsers.user_cfg import Pool
from pvefleet.model.observation import Seen


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One guest's configuration file, as one node's copy of /etc/pve holds it.

    Attributes:
        node: the node whose directory it stands in, by its name in the cluster: the guest's owner.
        type: ``qemu`` or ``lxc``.
        vmid: the guest's number.
        conf: its content; None where it was not understood.
        problem: why it was not understood, with the line; empty where it was.
    """

    node: str
    type: str
    vmid: int
    conf: GuestConf | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """The configuration files that one node read.

    Attributes:
        everything: did it read every node's files, or its own only?
        files: the files, in the order of the archive.
    """

    everything: bool
    files: tuple[ConfigFile, ...]


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """What one node said of guests.

    Attributes:
        files: the configuration files.
        pools: the pools and their members.
        ha: the guests under HA.
        tasks: the tasks that run on this very node.
    """

    files: Seen[ConfigFiles]
    pools: Seen[tuple[Pool, ...]]
    ha: Seen[tuple[HaResource, ...]]
    tasks: Seen[tuple[Task, ...]]

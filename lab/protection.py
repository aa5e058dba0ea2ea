"""Puts some of the sample guests under HA, with the rules (on Proxmox VE 8: the group) of a small cluster."""

from __future__ import annotations

from collections.abc import Iterator

from lab import guests
from lab.errors import LabError
from lab.site import Site
from lab.spec import LabSpec

_MOST = 3


def protect(site: Site) -> int:
    """Give them to `ha-manager`, which is asked on the first node; return how many.

    Raises:
        LabError: a command failed.
    """
    first = next(iter(site.machines.values()))
    chosen = protected(site.spec)
    for argv in commands(site.spec, chosen):
        done = first.run(argv, timeout=60)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise LabError(f"{' '.join(argv)} failed on {first.spec.name}: {said}")
    return len(chosen)


def protected(spec: LabSpec) -> tuple[str, ...]:
    """The sids of the sample guests that HA takes care of: the first that run."""
    running = [guest for guest in guests.sample(spec.guests) if guest.running][:_MOST]
    return tuple(f"{'vm' if guest.kind == 'qm' else 'ct'}:{guest.vmid}" for guest in running)


def commands(spec: LabSpec, sids: tuple[str, ...]) -> Iterator[list[str]]:
    """What is typed: the last guest prefers the first node, the two before are kept apart."""
    first, second = (node.name for node in spec.members[:2])
    group = ["--group", "prefer-first"] if spec.pve == "8" else []
    if group:
        yield ["ha-manager", "groupadd", "prefer-first", "--nodes", f"{first}:2,{second}:1"]
    for sid in sids:
        yield ["ha-manager", "add", sid, "--state", "started", *(group if sid == sids[-1] else [])]
    if not group and len(sids) == _MOST:
        nodes = ["--nodes", f"{first}:2,{second}:1"]
        yield ["ha-manager", "rules", "add", "node-affinity", "prefer-first", "--resources", sids[2], *nodes]
        apart = ["--resources", f"{sids[0]},{sids[1]}", "--affinity", "negative"]
        yield ["ha-manager", "rules", "add", "resource-affinity", "keep-apart", *apart]

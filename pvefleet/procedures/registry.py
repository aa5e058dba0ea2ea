"""Procedures by name: how a journal finds the code that goes on with it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pvefleet.model.errors import Refused

_PROCEDURES = {
    "cluster.add-link": "change_links:AddLink",
    "cluster.change-link": "change_links:ChangeLink",
    "cluster.refresh-node": "refresh_node:RefreshNode",
    "cluster.remove-link": "change_links:RemoveLink",
    "cluster.test-link": "test_link:TestLink",
    "cluster.set-totem": "set_totem:SetTotem",
    "cluster.expected": "expected:Expected",
    "cluster.expected-restore": "expected:RestoreExpected",
    "cluster.restart-corosync": "restart_corosync:RestartCorosync",
}


def procedure_class(name: str) -> type[Any]:
    """Return the class of the procedure called *name*.

    Raises:
        Refused: this version has none of that name.
    """
    if name not in _PROCEDURES:
        raise Refused(
            f"this version of pvefleet has no procedure {name}", hint="go on with the version that started the run"
        )
    module, _, kind = _PROCEDURES[name].partition(":")
    found: type[Any] = getattr(import_module(f"pvefleet.procedures.{module}"), kind)
    return found

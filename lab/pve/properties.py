"""What `systemctl show` tells of a unit."""

from __future__ import annotations

import time
from typing import Any

from . import unitfiles


def stamp(epoch: float) -> str:
    """An instant as systemd shows it; nothing for 0."""
    return time.strftime("%a %Y-%m-%d %H:%M:%S %Z", time.localtime(epoch)) if epoch else ""


def properties(name: str, state: dict[str, Any] | None) -> dict[str, str]:
    """What `systemctl show` knows of a unit, in systemd's words."""
    if state is None:
        return {
            "Id": name, "Names": name, "LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead",
            "Result": "success", "MainPID": "0", "ExecMainStatus": "0", "UnitFileState": "", "Description": name,
        }  # fmt: skip
    found = {
        "Type": state.get("type", ""),
        "Restart": "no",
        "NRestarts": str(state.get("restarts", 0)),
        "Result": state["result"],
        "MainPID": str(state.get("main_pid", 0)),
        "ExecMainPID": str(state.get("main_pid") or state.get("last_pid", 0)),
        "ExecMainCode": {"": "0", "exited": "1", "killed": "2"}[state.get("exit_code", "")],
        "ExecMainStatus": str(state.get("exit_status", 0)),
        "ExecMainStartTimestamp": stamp(state["started_at"]),
        "Id": state["name"],
        "Names": state["name"],
        "Description": state["description"],
        "LoadState": "masked" if unitfiles.enablement(state["name"]) == "masked" else "loaded",
        "ActiveState": state["active"],
        "SubState": state["sub"],
        "FragmentPath": state["path"] or f"/run/systemd/transient/{state['name']}",
        "UnitFileState": "transient" if state["transient"] else unitfiles.enablement(state["name"]),
        "Transient": "yes" if state["transient"] else "no",
        "ActiveEnterTimestamp": stamp(state["started_at"]),
        "InactiveEnterTimestamp": stamp(state["ended_at"]),
    }
    if "target" in state:
        found |= {
            "Unit": state["target"],
            "NextElapseUSecRealtime": stamp(state["next_at"] or 0.0),
            "LastTriggerUSec": stamp(state["last_trigger"]),
        }
    return found

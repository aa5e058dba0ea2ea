"""Writes what is generated: the catalogue of findings, the schemas of the JSON documents, the pictures in README.md.

Run it as ``.venv/bin/inv docs``; a test fails where a committed file is not what this makes of the code.
"""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pvefleet.facts.cluster import assemble
from pvefleet.facts.recording import load
from pvefleet.model.catalogue import CATALOGUE
from pvefleet.model.check import CheckReport
from pvefleet.model.corosync_report import CorosyncReport
from pvefleet.model.evidence import EvidenceReport
from pvefleet.model.execution import ExecReport
from pvefleet.model.guest_list import GuestListReport
from pvefleet.model.ha_status import HaGroupsReport, HaReport, HaRulesReport
from pvefleet.model.logs import LogsReport
from pvefleet.model.power import PowerReport
from pvefleet.model.prepare import PrepareReport
from pvefleet.model.replication import (
    ReplicationListReport,
    ReplicationLogReport,
    ReplicationReport,
    ScheduleReport,
)
from pvefleet.model.run import PlanReport, RunListReport, RunNoteReport, RunReport, ShownRun
from pvefleet.model.section import Section
from pvefleet.model.snapshot_list import SnapshotListReport
from pvefleet.model.status import LinksReport, NodesReport, StatusReport
from pvefleet.model.trust import TrustReport
from pvefleet.rules.status import status_report
from pvefleet.views.plain import VERSION
from pvefleet.views.present import present

DOCS = Path(__file__).resolve().parent
_PICTURE = re.compile(r"(<!-- picture: (\S+) at (\d+) columns -->).*?(<!-- end of picture -->)", re.DOTALL)

REPORTS: dict[str, type[Any]] = {
    "cluster.status": StatusReport,
    "cluster.nodes": NodesReport,
    "cluster.links": LinksReport,
    "cluster.corosync": CorosyncReport,
    "cluster.check": CheckReport,
    "cluster.exec": ExecReport,
    "cluster.logs": LogsReport,
    "cluster.trust": TrustReport,
    "ha.status": HaReport,
    "ha.rules": HaRulesReport,
    "ha.groups": HaGroupsReport,
    "snapshot.list": SnapshotListReport,
    "guest.list": GuestListReport,
    "replication.status": ReplicationReport,
    "replication.list": ReplicationListReport,
    "replication.log": ReplicationLogReport,
    "replication.explain-schedule": ScheduleReport,
    "plan": PlanReport,
    "run.list": RunListReport,
    "run.show": ShownRun,
    "run.resume": RunReport,
    "run.pause": RunNoteReport,
    "node.prepare": PrepareReport,
    "node.evidence": EvidenceReport,
    "node.power": PowerReport,
}

_HEAD = """\
# Findings

<!-- Made by `inv docs` from the catalogue in pvefleet/model/catalogue.py; do not edit. -->

Every finding has a code that never changes its meaning. The letter is the severity: E is critical (exit code 5), W a
warning (4), I a note (0). SUBJECT stands for what the finding is about. *Acceptable* findings may be accepted by name
by a command that would otherwise refuse.
"""


def findings() -> str:
    """Return the text of docs/findings.md."""
    parts = [_HEAD]
    for entry in CATALOGUE:
        accept = "acceptable" if entry.acceptable else "not acceptable"
        fix = entry.fix.replace("{subject}", "SUBJECT")
        parts.append(f"\n## {entry.code}: {entry.title}\n\n{entry.severity.value}, {accept}\n\n")
        parts.append(f"{entry.meaning}\n\n*What to do:* {fix}\n")
    return "".join(parts)


def schema(command: str) -> str:
    """Return the JSON schema of what *command* prints with ``--json``."""
    report = REPORTS[command]
    made = TypeAdapter(report).json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{command} --json",
        "description": f"Format version {VERSION}. New keys may be added without a new version.",
    }
    made.pop("title", None)
    made["properties"] = {
        "kind": {"const": report.__name__, "description": "Which document this is."},
        "version": {"const": VERSION, "description": "Format version."},
        **made["properties"],
    }
    if "exit_code" not in made["properties"]:
        made["properties"]["exit_code"] = {"type": "integer", "description": "What the command ends with."}
    made["required"] = list(made["properties"])
    return json.dumps(head | made, indent=2, sort_keys=False) + "\n"


def picture(recording: str, width: int) -> str:
    """Return what ``fab cluster.status --replay RECORDING`` prints on a terminal of *width* columns."""
    out = io.StringIO()
    facts = assemble(load(DOCS / "recordings" / recording, frozenset({Section.GUESTS})))
    present(status_report(facts), as_json=False, out=out, width=width)
    return out.getvalue()


def readme() -> str:
    """Return README.md with every picture in it drawn anew from its recording."""
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")

    def draw(match: re.Match[str]) -> str:
        return f"{match[1]}\n```text\n{picture(match[2], int(match[3]))}```\n{match[4]}"

    return _PICTURE.sub(draw, text)


def files() -> dict[Path, str]:
    """Return every generated file with its text."""
    made = {DOCS / "schemas" / f"{command}.json": schema(command) for command in REPORTS}
    return made | {DOCS / "findings.md": findings(), DOCS.parent / "README.md": readme()}


def write() -> list[Path]:
    """Write the files that are not up to date; return their paths."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files()[path], encoding="utf-8")
    return stale

"""Who may import which library, and when: what import contracts cannot express.

The contracts in pyproject.toml say which of our packages may import which. Here stand the libraries (nothing but what
is listed), imports that must wait until they are needed, and what pure packages must keep away from.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("fabfile", "parsers", "pvefleet", "lab", "tasks")

LIBRARIES = {
    "benchmarks": ("tasks",),
    "docs": ("tasks",),
    "cattrs": ("pvefleet.nodes",),
    "fabric": ("pvefleet.nodes.ssh", "pvefleet.cli.executor"),
    "invoke": ("pvefleet.nodes.ssh", "pvefleet.cli", "fabfile.__init__", "lab.cli", "tasks"),
    "jc": ("parsers.jcbridge",),
    "jinja2": ("pvefleet.views",),
    "markdown_it": ("pvefleet.runbook",),
    "mdit_py_plugins": ("pvefleet.runbook",),
    "mfusepy": ("lab",),
    "paramiko": ("pvefleet.nodes.ssh", "pvefleet.cli.executor"),
    "platformdirs": ("pvefleet.cli",),
    "rich": ("pvefleet.views",),
    "testinfra": ("pvefleet.cli.acceptance",),
    "yaml": ("pvefleet.runbook",),
}
"""What may be imported, and by which modules and packages; what is not listed, by none.

benchmarks/ and docs/ are ours, and no product.
"""

ONLY_IN_BODIES = {
    "jc": OURS,
    "benchmarks": ("tasks",),
    "docs": ("tasks",),
    "lab": ("tasks",),
    "pvefleet.nodes.ssh": ("pvefleet.cli", "fabfile", "tasks"),
    "fabric": ("tasks",),
}
"""Import to the modules that may write it only inside a function: it is slow, or is not there on a node."""
AT_ONCE = (("pvefleet.cli.executor", "pvefleet.nodes.ssh"), ("tasks", "lab.cli"))
"""Module and import, the exceptions: the executor is SSH's own, and `inv --list` shows the lab's command line."""

IMPURE_MODULES = frozenset(
    {
        "asyncio",
        "builtins",
        "getpass",
        "glob",
        "http",
        "io",
        "locale",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "platform",
        "pwd",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
        "warnings",
    }
)
IMPURE_CALLS = frozenset({"breakpoint", "eval", "exec", "input", "open", "print"})
CLOCKS = frozenset({"now", "today", "utcnow"})
PURE = ("parsers", "pvefleet.rules")

TERMINAL = ("pvefleet.views", "pvefleet.cli.environment")
"""Who speaks to the terminal, and who looks whether there is one."""

INDEXES = ("parsers", "fabfile")
"""Packages whose __init__ finds their modules; it may use the machinery of imports that the modules may not."""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, such as ``fabric.connection.Connection``; *late* where it runs only when a function does."""

    name: str
    line: int
    late: bool


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[Import]:
    """All imports in *source*, each as the full name of what is imported."""
    package = module.split(".") if is_package else module.split(".")[:-1]

    def visit(node: ast.AST, late: bool) -> Iterator[Import]:
        match node:
            case ast.Import():
                for alias in node.names:
                    yield Import(alias.name, node.lineno, late)
            case ast.ImportFrom():
                start = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*start, *filter(None, [node.module])])
                for alias in node.names:
                    yield Import(f"{base}.{alias.name}", node.lineno, late)
            case ast.If(test=ast.Name("TYPE_CHECKING")):
                for child in node.body:
                    yield from visit(child, True)
                for child in node.orelse:
                    yield from visit(child, late)
            case _:
                inside = late or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                for inner in ast.iter_child_nodes(node):
                    yield from visit(inner, inside)

    yield from visit(ast.parse(source), False)


def import_faults(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What is wrong with the imports of *module*, one sentence each."""
    faults = []
    for found in imports(source, module, is_package=is_package):
        top = found.name.partition(".")[0]
        if top in LIBRARIES:
            if not within(f"{module}.__init__" if is_package else module, *LIBRARIES[top]):
                faults.append(f"{module}:{found.line} imports {top}, which only {' and '.join(LIBRARIES[top])} may")
        elif top not in sys.stdlib_module_names and top not in OURS:
            faults.append(f"{module}:{found.line} imports {top}, which no table of libraries lists")
        for late, users in ONLY_IN_BODIES.items():
            excepted = any(module == importer and within(found.name, imported) for importer, imported in AT_ONCE)
            if within(found.name, late) and within(module, *users) and not found.late and not excepted:
                faults.append(f"{module}:{found.line} imports {late} outside a function")
        if top == "lab" and not within(module, "lab", "tasks"):
            faults.append(f"{module}:{found.line} imports the lab")
        faults += fabfile_faults(found, module, is_package=is_package)
    return faults


def fabfile_faults(found: Import, module: str, *, is_package: bool) -> Iterator[str]:
    """Task modules know ``pvefleet.cli`` at once, the rest of pvefleet when they run, and never one another."""
    top = found.name.partition(".")[0]
    if not within(module, "fabfile"):
        if top == "fabfile" and module != "tasks":
            yield f"{module}:{found.line} imports a task module"
        return
    if top in ("subprocess", "parsers", "tasks"):
        yield f"{module}:{found.line} imports {top}"
    if is_package:
        return
    if top == "fabfile":
        yield f"{module}:{found.line} imports another task module"
    if top == "pvefleet" and not found.late and not within(found.name, "pvefleet.cli"):
        yield f"{module}:{found.line} imports {found.name} outside a function"


def purity_faults(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Where *module* could touch the world: files, processes, clocks, the environment, the terminal."""
    faults = []
    if not (is_package and module in INDEXES):
        for found in imports(source, module, is_package=is_package):
            if found.name.partition(".")[0] in IMPURE_MODULES:
                faults.append(f"{module}:{found.line} imports {found.name}")
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(name)) if name in IMPURE_CALLS:
                faults.append(f"{module}:{node.lineno} calls {name}()")
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                faults.append(f"{module}:{node.lineno} reads the clock: {name}()")
    return faults


def terminal_faults(source: str, module: str) -> list[str]:
    """Where *module* prints or asks, which views alone do."""
    faults = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(("print" | "input") as name)):
                faults.append(f"{module}:{node.lineno} calls {name}()")
            case ast.Attribute(value=ast.Name("sys"), attr=("stdout" | "stderr" | "stdin") as stream):
                faults.append(f"{module}:{node.lineno} uses sys.{stream}")
    return faults


def modules(*tops: str) -> Iterator[tuple[str, str, bool]]:
    """Source, name and is-it-a-package of every module below *tops* that is there."""
    for top in tops:
        single = ROOT / f"{top}.py"
        for path in [single] if single.exists() else sorted((ROOT / top.replace(".", "/")).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            yield path.read_text(), ".".join(parts[:-1] if is_package else parts), is_package


def test_every_import_stands_where_the_design_allows_it() -> None:
    faults = [
        fault
        for source, module, is_package in modules(*OURS)
        for fault in import_faults(source, module, is_package=is_package)
    ]
    assert not faults, "\n".join(faults)


def test_parsers_and_rules_touch_nothing_of_the_world() -> None:
    faults = [
        fault
        for source, module, is_package in modules(*PURE)
        for fault in purity_faults(source, module, is_package=is_package)
    ]
    assert not faults, "\n".join(faults)


def test_views_alone_print_and_ask() -> None:
    faults = [
        fault
        for source, module, _ in modules("fabfile", "parsers", "pvefleet")
        if not within(module, *TERMINAL)
        for fault in terminal_faults(source, module)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pvefleet.facts.links", "import fabric"),
        ("pvefleet.nodes.local", "from paramiko.client import SSHClient"),
        ("pvefleet.procedures.join", "def act():\n    import invoke"),
        ("pvefleet.cli.report", "from rich.table import Table"),
        ("pvefleet.model.facts", "import cattrs"),
        ("parsers.qm_list", "def read(text):\n    import jc"),
        ("parsers.jcbridge", "import jc"),
        ("lab.client", "import paramiko"),
        ("pvefleet.views.table", "import requests"),
        ("pvefleet.cli.task", "from pvefleet.nodes.ssh import connect"),
        ("pvefleet.cli.task", "from pvefleet.nodes import ssh"),
        ("pvefleet.cli.lab", "def up():\n    from lab.client import Lab"),
        ("fabfile.cluster", "import subprocess"),
        ("fabfile.cluster", "def join(c):\n    from fabfile import ha"),
        ("fabfile.cluster", "def join(c):\n    from . import ha"),
        ("fabfile.cluster", "from pvefleet.rules import quorum"),
        ("fabfile.cluster", "def join(c):\n    import fabric"),
        ("fabfile.cluster", "from invoke import task"),
        ("pvefleet.cli.task", "import fabfile"),
        ("tasks", "from lab import client"),
    ],
)
def test_a_misplaced_import_is_found(module: str, source: str) -> None:
    assert len(import_faults(source, module)) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pvefleet.nodes.ssh.connect", "import fabric\nfrom paramiko import SSHException"),
        ("pvefleet.cli.executor", "from fabric import Executor\nfrom pvefleet.nodes.ssh import connect"),
        ("pvefleet.cli.task", "def nodes():\n    from pvefleet.nodes.ssh import connect"),
        ("pvefleet.views.table", "import rich"),
        ("parsers.jcbridge", "def parse(name, text):\n    import jc"),
        ("fabfile.cluster", "from pvefleet.cli import task\ndef join(c):\n    from pvefleet.procedures import join"),
        ("fabfile.cluster", "if TYPE_CHECKING:\n    from pvefleet.model import facts"),
        ("tasks", "import fabfile\nfrom lab.cli import ns\ndef demo(c):\n    import lab.demo"),
    ],
)
def test_an_import_in_its_place_is_no_fault(module: str, source: str) -> None:
    assert import_faults(source, module) == []


def test_the_fabfile_may_gather_its_own_task_modules() -> None:
    source = "from invoke import Collection\nfrom fabfile import cluster\nfrom . import ha"
    assert import_faults(source, "fabfile", is_package=True) == []


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from time import monotonic",
        "def f():\n    import socket",
        "import subprocess as s",
        "from pathlib import Path",
        "print(1)",
        "data = open('x').read()",
        "from datetime import datetime\nage = datetime.now()",
        "import datetime\nage = datetime.date.today()",
    ],
)
def test_an_impure_line_is_found(source: str) -> None:
    assert len(purity_faults(source, "pvefleet.rules.quorum")) == 1


def test_arithmetic_on_given_times_is_pure() -> None:
    assert purity_faults("from datetime import timedelta\nimport re\nimport math", "parsers.qm_list") == []


@pytest.mark.parametrize("source", ["print('x')", "answer = input()", "import sys\nsys.stderr.write('x')"])
def test_a_module_that_speaks_to_the_terminal_is_found(source: str) -> None:
    assert len(terminal_faults(source, "pvefleet.cli.task")) == 1

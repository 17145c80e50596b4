"""The import rules of docs/architecture.md, checked over every module's syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED: dict[str, set[str]] = {
    "media": set(),
    "scheduler": set(),
    "recordings": {"scheduler", "media.journal"},
    "web_client": {"scheduler", "recordings"},
    "signaling": {"scheduler", "recordings", "web_client", "media"},
}
WEBRTC = {"aiortc", "aioice", "pylibsrtp"}
PRIVATE_NAMES = {"_rx_srtp", "_tx_srtp", "_ssl", "_srtp", "_binding"}
MODULES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}: write the package's name"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_follow_the_ranks(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        top = name.split(".")[0]
        if top in ALLOWED and top != package:
            allowed = any(name == rule or name.startswith(rule + ".") for rule in ALLOWED[package])
            assert allowed, f"{package} may not import {name}"
        if top in WEBRTC:
            assert package == "media", f"{name} belongs in media/ alone"
        assert top != "tests", "product code may not import tests"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_reserved_places(path: Path) -> None:
    name = name_of(path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if name != "media/rtc.py":
                assert node.attr not in PRIVATE_NAMES, f"line {node.lineno}: {node.attr} outside media/rtc.py"
            if node.attr in ("environ", "getenv") and isinstance(node.value, ast.Name) and node.value.id == "os":
                assert name == "signaling/settings.py", f"line {node.lineno}: reads the environment"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("create_engine", "create_async_engine"):
                assert name == "scheduler/db.py", f"line {node.lineno}: engines are made in scheduler/db.py alone"


def test_every_package_has_modules() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(ALLOWED)

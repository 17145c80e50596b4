"""Modules are type-checked, their DOM-free parts unit-tested, and nothing is newer than the oldest browser."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "web_client" / "static"
MODULES = sorted(p for p in (STATIC / "js").rglob("*.js"))
STYLES = sorted((STATIC / "css").glob("*.css"))

# Chromium 109 is the last for Windows 7: what came later, by the version it came with.
NEWER_CSS = {
    r":has\(": "no in Firefox ESR of the time",
    r"color-mix\(|oklch\(|oklab\(|\bround\(|\bsin\(|\bcos\(": "111",
    r"@container|container-type": "kept out",
    r"subgrid": "117",
    r"@scope": "118",
    r":user-(?:in)?valid|light-dark\(": "119-123",
    r":dir\(|scrollbar-(?:width|color)": "120-121",
    r"field-sizing|interpolate-size|calc-size\(": "123-129",
    r"@starting-style|:popover-open|popover\b": "114-117",
    r"anchor-name|anchor\(|position-area": "125",
    r"@view-transition|view-transition-name": "111",
}
NEWER_JS = {
    r"Promise\.(?:withResolvers|try)|Array\.fromAsync": "119-128",
    r"(?:Object|Map)\.groupBy": "117",
    r"\.to(?:Sorted|Reversed|Spliced)\(": "110",
    r"\.isWellFormed\(|\.toWellFormed\(": "111",
    r"AbortSignal\.any": "116",
    r"URL\.(?:canParse|parse)\(": "120-126",
    r"searchParams\.size|[pP]arams\.size": "113",
    r"showPopover|togglePopover|startViewTransition|moveBefore|setHTMLUnsafe": "111-133",
    r"documentPictureInPicture|\.requestClose\(|closedby": "116-134",
    r"/[a-z]*v[a-z]*\.(?:test|exec)\(": "112",
    r"\bawait using\b|\busing\s+\w+\s*=": "134",
}


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", text, flags=re.S)


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("node")
    assert program, "these tests need Node (make test installs it)"
    return subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_modules_type_check() -> None:
    result = node("node_modules/typescript/bin/tsc", "--checkJs", "--noEmit", "--project", "tsconfig.json")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("suite", sorted((ROOT / "tests/web_client/js").glob("*.test.mjs")), ids=lambda p: p.stem)
def test_parts_without_a_page(suite: Path) -> None:
    result = node("--test", str(suite))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "# pass 0" not in result.stdout


@pytest.mark.parametrize("file", MODULES, ids=lambda p: p.name)
def test_modules_keep_to_chromium_109(file: Path) -> None:
    text = without_comments(file.read_text("utf-8"))
    found = {pattern: since for pattern, since in NEWER_JS.items() if re.search(pattern, text)}
    assert found == {}, f"{file.name}: newer than Chromium 109"


@pytest.mark.parametrize("file", STYLES, ids=lambda p: p.name)
def test_styles_keep_to_chromium_109(file: Path) -> None:
    text = without_comments(file.read_text("utf-8"))
    found = {pattern: since for pattern, since in NEWER_CSS.items() if re.search(pattern, text)}
    assert found == {}, f"{file.name}: newer than Chromium 109"
    assert nested_rules(text) == [], f"{file.name}: nesting came with Chromium 112"


def nested_rules(text: str) -> list[str]:
    """Selectors of rules that open inside another style rule (at-rules may nest)."""
    nested: list[str] = []
    open_rules: list[bool] = []
    for prelude, brace in re.findall(r"([^{};]*)([{};])", text):
        if brace == "{":
            style_rule = not prelude.strip().startswith("@")
            if any(open_rules):
                nested.append(prelude.strip())
            open_rules.append(style_rule)
        elif brace == "}":
            open_rules.pop()
    return nested


def test_the_floor_lint_itself_finds_what_is_newer() -> None:
    assert nested_rules("a { color: red; b { color: blue } }") == ["b"]
    assert nested_rules("@media print { a { color: red } } @keyframes x { to { opacity: 0 } }") == []
    assert any(re.search(pattern, "p:has(a)") for pattern in NEWER_CSS)


@pytest.mark.parametrize("file", MODULES, ids=lambda p: p.name)
def test_nothing_blocks_or_reaches_outside(file: Path) -> None:
    text = without_comments(file.read_text("utf-8"))
    assert not re.search(r"(?<![\w.])(?:alert|confirm|prompt)\(", text), "alert() stops everything (UX.md, 7)"
    assert not re.search(r"https?://(?!www\.w3\.org)", text), "the network is closed: nothing from elsewhere"
    markup = r"(?:inner|outer)HTML\s*\+?=(?!=)|insertAdjacentHTML|document\.write"
    assert not re.search(markup, text), "text from people goes through textContent"

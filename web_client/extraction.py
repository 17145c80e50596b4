"""`python -m web_client.extraction`: collects every msgid of Python, templates and modules into the catalogues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import write_po

from web_client.language import CATALOGUES, LANGUAGES, SOURCE, read_catalogue

PACKAGE = Path(__file__).parent
METHODS = [
    ("static/vendor/**", "ignore"),
    ("**.py", "python"),
    ("templates/**.html", "jinja2.ext:babel_extract"),
    ("static/js/**.js", "javascript"),
]
OPTIONS: dict[str, dict[str, Any]] = {
    "templates/**.html": {"silent": "false"},
    "static/js/**.js": {"template_string": "true", "parse_template_string": "true"},
}
KEYWORDS = {**DEFAULT_KEYWORDS, "t": None, "tn": (1, 2)}


def extract() -> Catalog:
    """A fresh catalogue of everything translatable in this package, with file names as locations."""
    found = Catalog(charset="utf-8")
    for name, line, message, comments, context in extract_from_dir(PACKAGE, METHODS, OPTIONS, KEYWORDS):
        found.add(message, None, [(name, line)], auto_comments=comments, context=context)
    return found


def update(code: str, directory: Path = CATALOGUES) -> Catalog:
    """Rewrites the catalogue of `code`: new msgids empty, gone ones dropped; no dates or line numbers, which churn."""
    path = directory / code / "LC_MESSAGES" / "messages.po"
    catalogue = read_catalogue(code, directory) if path.exists() else Catalog(locale=code)
    catalogue.update(extract(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=120, sort_output=True, include_lineno=False, omit_header=True)
    return catalogue


def main() -> None:
    for code in LANGUAGES.keys() - {SOURCE}:
        catalogue = update(code)
        missing = sum(1 for message in catalogue if message.id and not message.string)
        print(f"{code}: {len(catalogue)} messages, {missing} to translate")


if __name__ == "__main__":
    main()

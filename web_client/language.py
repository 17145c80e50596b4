"""Languages of the pages: zh-CN is the source (msgids are the Chinese strings), others are gettext catalogues."""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

CATALOGUES = Path(__file__).parent / "i18n"
SOURCE = "zh-CN"
LANGUAGES = {"zh-CN": "中文", "en": "English"}


@dataclass(frozen=True, slots=True)
class Language:
    """`translations` serves Python and templates; `messages` (msgid → text, plurals as a list) goes to the browser."""

    code: str
    translations: gettext.NullTranslations
    messages: Mapping[str, str | list[str]]


def read_catalogue(code: str, directory: Path = CATALOGUES) -> Catalog:
    """The catalogue `<directory>/<code>/LC_MESSAGES/messages.po`. Raises OSError, babel's PoFileError."""
    with (directory / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


def load_languages() -> dict[str, Language]:
    """Every language by its code; `.po` files are compiled in memory, so that there is no build step."""
    languages = {SOURCE: Language(SOURCE, gettext.NullTranslations(), {})}
    for code in LANGUAGES.keys() - {SOURCE}:
        catalogue = read_catalogue(code)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        languages[code] = Language(code, gettext.GNUTranslations(compiled), _browser_messages(catalogue))
    return languages


def choose(asked: str | None, kept: str | None) -> str:
    """The language of this computer's choice (cookie), else the account's, else zh-CN.

    Accept-Language is no reason: station PCs are often installed in English and their clerks do not read it.
    """
    return next((code for code in (asked, kept) if code in LANGUAGES), SOURCE)


def _browser_messages(catalogue: Catalog) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for message in catalogue:
        text = message.string
        if not message.id or not any(name.endswith(".js") for name, _ in message.locations):
            continue
        if isinstance(message.id, (list, tuple)) and isinstance(text, (list, tuple)):
            found[message.id[0]] = list(text)
        elif isinstance(message.id, str) and isinstance(text, str) and text:
            found[message.id] = text
    return found

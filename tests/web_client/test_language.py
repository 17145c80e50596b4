"""One catalogue for Python, templates and modules: up to date, complete, with the same placeholders."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from web_client import extraction
from web_client.language import LANGUAGES, SOURCE, choose, load_languages, read_catalogue

CODES = sorted(LANGUAGES.keys() - {SOURCE})
UPDATE = "run `python -m web_client.extraction` and translate what is empty in web_client/i18n"
PLACEHOLDER = re.compile(r"\{\w+\}|%\(\w+\)s")


def texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def msgids(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id or ())


@pytest.mark.parametrize("code", CODES)
def test_the_catalogue_holds_what_the_source_says(code: str) -> None:
    source = {tuple(msgids(message)) for message in extraction.extract() if message.id}
    held = {tuple(msgids(message)) for message in read_catalogue(code) if message.id}
    assert source == held, UPDATE


@pytest.mark.parametrize("code", CODES)
def test_nothing_is_untranslated(code: str) -> None:
    empty = [message.id for message in read_catalogue(code) if message.id and not all(texts(message))]
    assert empty == [], UPDATE


@pytest.mark.parametrize("code", CODES)
def test_translations_keep_their_placeholders(code: str) -> None:
    for message in read_catalogue(code):
        asked = set(PLACEHOLDER.findall(" ".join(msgids(message))))
        for text in filter(None, texts(message)):
            assert message.id == "" or set(PLACEHOLDER.findall(text)) == asked, message.id


def test_browser_messages_are_those_of_modules_with_plurals_as_lists() -> None:
    english = load_languages()["en"]
    assert english.messages["找到 {n} 条"] == ["{n} found", "{n} found"]
    assert "忘记密码？请打" not in english.messages
    assert english.translations.gettext("登录") == "Log in"
    assert load_languages()[SOURCE].messages == {}


def test_update_adds_new_and_drops_gone_messages(tmp_path: Path) -> None:
    directory = tmp_path / "en" / "LC_MESSAGES"
    directory.mkdir(parents=True)
    known = 'msgid "登录"\nmsgstr "Log in"\n\nmsgid "早就没有了"\nmsgstr "Gone"\n'
    (directory / "messages.po").write_text(known, "utf-8")
    extraction.update("en", tmp_path)
    updated = read_catalogue("en", tmp_path)
    assert "早就没有了" not in updated
    assert updated["登录"].string == "Log in"
    assert updated["密码"].string == ""


@pytest.mark.parametrize(
    ("cookie", "account", "chosen"),
    [(None, None, "zh-CN"), ("en", "zh-CN", "en"), (None, "en", "en"), ("tlh", "en", "en"), ("tlh", None, "zh-CN")],
)
def test_the_computer_outranks_the_account(cookie: str | None, account: str | None, chosen: str) -> None:
    assert choose(cookie, account) == chosen

from pathlib import Path

import pytest

from signaling.settings import Settings, SettingsError, env_name, load, table

ROOT = Path(__file__).resolve().parents[2]


def test_defaults_keep_everything_in_the_data_directory(tmp_path: Path) -> None:
    settings = load({"LAWLINK_DATA": str(tmp_path)})
    assert settings.database == f"sqlite+aiosqlite:///{tmp_path}/lawlink.sqlite3"
    assert settings.master_key_path == tmp_path / "keys" / "master.key"
    assert settings.control == f"unix:{tmp_path}/run/media.sock"


def test_flags_win_over_the_environment() -> None:
    assert load({"LAWLINK_PORT": "1"}, port=2, host=None).port == 2


def test_unknown_key_is_named_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="MEDIA_PORTS is not a setting; did you mean LAWLINK_MEDIA_PORT"):
        load({"LAWLINK_MEDIA_PORTS": "30"})


def test_wrong_value_is_named_without_being_shown() -> None:
    with pytest.raises(SettingsError, match="LAWLINK_PORT") as caught:
        load({"LAWLINK_PORT": "secret"})
    assert "secret" not in str(caught.value)


def test_value_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim\n")
    settings = load({"LAWLINK_DEMO_PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.demo_password is not None
    assert settings.demo_password.get_secret_value() == "geheim"
    assert "geheim" not in repr(settings)


def test_a_field_that_ends_in_file_is_a_plain_path(tmp_path: Path) -> None:
    assert load({"LAWLINK_MASTER_KEY_FILE": str(tmp_path / "m")}).master_key_path == tmp_path / "m"


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LAWLINK_DATABASE_URL_FILE: cannot read"):
        load({"LAWLINK_DATABASE_URL_FILE": str(tmp_path / "absent")})


def test_oversized_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 70_000)
    with pytest.raises(SettingsError, match="larger than"):
        load({"LAWLINK_DATABASE_URL_FILE": str(tmp_path / "big")})


def test_value_and_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="both set"):
        load({"LAWLINK_DATABASE_URL": "sqlite://", "LAWLINK_DATABASE_URL_FILE": str(tmp_path)})


def test_certificate_without_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LAWLINK_TLS_KEY"):
        load({"LAWLINK_TLS_CERTIFICATE": str(tmp_path / "c.pem")})


def test_lists_are_split_at_commas() -> None:
    assert load({"LAWLINK_MEDIA_HOSTS": "10.0.0.1, 10.0.0.2"}).media_hosts == ("10.0.0.1", "10.0.0.2")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_described(field: str) -> None:
    assert Settings.model_fields[field].description, env_name(field)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_does_something(field: str) -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "signaling").rglob("*.py")]
    assert any(f"settings.{field}" in source or f"self.{field}" in source for source in sources), env_name(field)


def test_the_guide_holds_the_table_of_settings() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert table() in guide, "put the output of `lawlink settings` into docs/operations.md"

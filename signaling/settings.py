"""What can be set, with its default; the one reader of the environment.

Every field is `LAWLINK_<NAME>` in the environment, or `LAWLINK_<NAME>_FILE` naming a file with the value (for secrets).
Lists are written with commas.  An unknown `LAWLINK_…` name, a value of the wrong type or an unreadable file raises
`SettingsError` that names the key.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "LAWLINK_"
FILE_SUFFIX = "_FILE"
MAX_SECRET_FILE_BYTES = 64 * 1024

Names = Annotated[tuple[str, ...], NoDecode]


class SettingsError(Exception):
    """A setting cannot be used; the text names its key and what to do."""


class Settings(BaseSettings):
    """The settings of one server.  Frozen; made by `load` (environment) or directly (tests, commands)."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True)

    data: Path = Field(default=Path("data"), description="data directory: database, keys, journals, recordings")
    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL (`postgresql+asyncpg://…`); without it SQLite in the data directory"
    )
    demo_password: SecretStr | None = Field(
        default=None, description="password of the demo accounts; without it one is made and printed"
    )
    master_key_file: Path | None = Field(
        default=None, description="file of the master key; without it `keys/master.key`"
    )

    host: str = Field(
        default="0.0.0.0",  # noqa: S104  # the stations are other machines
        description="address the web server listens on; the demo always takes 127.0.0.1",
    )
    port: int = Field(default=8443, ge=0, le=65535, description="port the web server listens on; 0 takes a free one")
    tls: bool = Field(default=True, description="serve https; false only behind a proxy that does, or on 127.0.0.1")
    tls_certificate: Path | None = Field(
        default=None, description="PEM certificate chain; without it the server's own authority issues one"
    )
    tls_key: Path | None = Field(default=None, description="PEM private key of `LAWLINK_TLS_CERTIFICATE`")
    tls_names: Names = Field(default=(), description="further host names and addresses for the own certificate")
    behind_proxy: bool = Field(
        default=False, description="trust the last X-Forwarded-For and X-Forwarded-Proto of a proxy in front"
    )

    media_hosts: Names = Field(
        default=(), description="local addresses the media worker serves; without it all usable ones"
    )
    media_public_address: str | None = Field(
        default=None, description="public address in front of the media worker (1:1 NAT)"
    )
    media_port: int = Field(default=0, ge=0, le=65535, description="UDP port of the media worker; 0 takes a free one")
    media_outlives: bool = Field(
        default=True, description="leave the media worker to its rooms when the server ends; false ends it as well"
    )
    media_control: str | None = Field(
        default=None, description="`unix:/path` of the media worker; without it `run/media.sock`"
    )

    login_attempts_per_minute: int = Field(default=20, ge=1, description="log-in attempts a minute and address")

    disk_reserve_mb: int = Field(default=512, ge=1, description="recording does not start with less free space (MiB)")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level that is logged"
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="one JSON object a line, or text for people"
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @field_validator("tls_names", "media_hosts", mode="before")
    @classmethod
    def split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def certificate_has_its_key(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("LAWLINK_TLS_CERTIFICATE and LAWLINK_TLS_KEY go together: set both or neither")
        return self

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.data / 'lawlink.sqlite3').absolute()}"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def master_key_path(self) -> Path:
        return self.master_key_file or self.keys / "master.key"

    @property
    def identity_key_path(self) -> Path:
        return self.keys / "identity.key"

    @property
    def seal_key_path(self) -> Path:
        return self.keys / "seal.key"

    @property
    def store(self) -> Path:
        """Sealed, encrypted recordings."""
        return self.data / "recordings"

    @property
    def journals(self) -> Path:
        """Journals of recordings that are not sealed yet."""
        return self.data / "journals"

    @property
    def control(self) -> str:
        """Where the media worker listens, as `unix:/path` or `tcp:host:port`."""
        return self.media_control or f"unix:{(self.data / 'run' / 'media.sock').absolute()}"


def env_name(field: str) -> str:
    return PREFIX + field.upper()


def load(environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Settings from the environment; `overrides` (command-line flags that are not None) win."""
    values: dict[str, object] = _read(os.environ if environ is None else environ)
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        return Settings(**values)  # type: ignore[arg-type]  # names and types are what the model is about to check
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _read(environ: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key in sorted(environ):
        if not key.startswith(PREFIX):
            continue
        field = key.removeprefix(PREFIX).lower()
        from_file = field not in Settings.model_fields and key.endswith(FILE_SUFFIX)
        if from_file:
            field = field.removesuffix(FILE_SUFFIX.lower())
        if field not in Settings.model_fields:
            raise SettingsError(f"{key} is not a setting{_nearest(key)}")
        if field in values:
            raise SettingsError(f"{env_name(field)} and {env_name(field)}{FILE_SUFFIX} are both set: keep one")
        values[field] = _read_file(key, Path(environ[key])) if from_file else environ[key]
    return values


def _nearest(key: str) -> str:
    names = [env_name(field) for field in Settings.model_fields]
    near = difflib.get_close_matches(key.removesuffix(FILE_SUFFIX), names, 1, 0.5)
    return f"; did you mean {near[0]}?" if near else "; `lawlink settings` lists them all"


def _read_file(key: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_FILE_BYTES + 1)
        if len(content) > MAX_SECRET_FILE_BYTES:
            raise SettingsError(f"{key}: {path} is larger than {MAX_SECRET_FILE_BYTES} bytes")
        return content.decode("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{key}: cannot read {path}: {error}") from error


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        key = env_name(str(item["loc"][0])) + ": " if item["loc"] else ""
        lines.append(key + str(item["msg"]).removeprefix("Value error, "))
    return "; ".join(lines)


def table() -> str:
    """The Markdown table of docs/operations.md."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "–" if default in (None, ()) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        rows.append(f"| `{env_name(name)}` | {shown} | {field.description} |")
    return "\n".join(rows) + "\n"

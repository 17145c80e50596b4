"""Settings for commands.  Apart from the package so that `lawlink verify`, which needs none, starts at once."""

from signaling.commands import CommandFailed
from signaling.key_files import missing_keys
from signaling.settings import Settings, SettingsError, load


def settings_from(**overrides: object) -> Settings:
    """Settings from the environment and the flags that were given.  CommandFailed names the one that cannot be used."""
    try:
        return load(None, **overrides)
    except SettingsError as error:
        raise CommandFailed(str(error), 2) from error


def initialised(**overrides: object) -> Settings:
    """Settings of a data directory that holds an installation.  CommandFailed says what is missing and what to do."""
    settings = settings_from(**overrides)
    missing = missing_keys(settings)
    if missing:
        raise CommandFailed(f"{missing[0]} is missing: run `lawlink init` first (or `lawlink demo` to look around)")
    return settings

"""Settings for commands.  Apart from the package so that `lawlink verify`, which needs none, starts at once."""

from signaling.commands import CommandFailed
from signaling.settings import Settings, SettingsError, load


def settings_from(**overrides: object) -> Settings:
    """Settings from the environment and the flags that were given.  CommandFailed names the one that cannot be used."""
    try:
        return load(None, **overrides)
    except SettingsError as error:
        raise CommandFailed(str(error), 2) from error

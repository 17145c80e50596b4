"""The commands of `lawlink`: each module has `add_arguments(parser)` and `run(arguments) -> exit code`."""

from signaling.settings import Settings, SettingsError, load


class CommandFailed(Exception):
    """The command cannot be done; the text says what to do."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def settings_from(**overrides: object) -> Settings:
    """Settings from the environment and the flags that were given.  CommandFailed names the one that cannot be used."""
    try:
        return load(None, **overrides)
    except SettingsError as error:
        raise CommandFailed(str(error), 2) from error

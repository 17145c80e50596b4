"""The commands of `lawlink`: each module has `add_arguments(parser)` and `run(arguments) -> exit code`."""


class CommandFailed(Exception):
    """The command cannot be done; the text says what to do."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code

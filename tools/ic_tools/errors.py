"""The error type that the command line turns into a message and exit status 1."""


class ExportError(Exception):
    """A model cannot be exported. The text says what was found and what was expected."""

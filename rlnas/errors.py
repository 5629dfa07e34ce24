"""The one error that bad input raises: what was wrong, what was expected, what to do."""


class InputError(ValueError):
    """Input that cannot be used, explained in one line.

    The command line prints the message without a traceback and exits with code 2.
    """


class EditError(ValueError):
    """The edit would leave no network: there is nothing to add, or nothing would be left."""

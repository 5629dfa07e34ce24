"""The entry point of the command line `rlnas`."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext

from rlnas import __version__
from rlnas.agents.cli.arguments import parse
from rlnas.agents.cli.interrupts import noted_interrupts
from rlnas.agents.cli.log_lines import log_lines
from rlnas.agents.cli.streams import LastingStreams
from rlnas.errors import InputError
from rlnas.files.plain_text import plain


def main(words: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        words: Words of the command line; by default those that the program was started with.

    Returns:
        The exit code: 0; 2 for bad input, which is one line on standard error; 130 if interrupted.
    """
    with LastingStreams(), noted_interrupts() as noted:
        try:
            return _run(sys.argv[1:] if words is None else words)
        except Exception:
            if not noted:
                raise
            print("rlnas: interrupted", file=sys.stderr)
            return 130


def _run(words: Sequence[str]) -> int:
    try:
        parsed = parse(words)
        if parsed is None:
            print(f"rlnas {__version__}")
            return 0
        command, quiet = parsed
        with nullcontext() if quiet else log_lines():
            command.run(shown=not quiet)
    except InputError as error:
        print(f"rlnas: {plain(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"rlnas: {str(error) or 'interrupted'}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

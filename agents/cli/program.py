"""The program `rlnas`, which answers Ctrl-C also while everything else is being loaded."""

import os
import signal
import sys
from typing import NoReturn


def main() -> int:
    """Run the command line; see `rlnas.agents.cli.main.main`."""
    usual = signal.getsignal(signal.SIGINT)
    handled = usual is signal.default_int_handler  # and not ignored, as in the background
    if handled:
        signal.signal(signal.SIGINT, _leave)
    from rlnas.agents.cli.main import main as run

    if handled:
        signal.signal(signal.SIGINT, usual)
    try:
        return run()
    finally:
        if handled:
            signal.signal(signal.SIGINT, _leave)


def _leave(*_: object) -> NoReturn:
    """Leave at once, since an exception would be lost or printed where modules are loaded."""
    print("rlnas: interrupted", file=sys.stderr, flush=True)
    os._exit(130)

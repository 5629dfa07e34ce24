"""Names that strangers chose, shown as they are: nothing in them commands rich or a terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def plain(text: str) -> str:
    r"""The text with an escape, such as ``\x1b``, for every character that cannot be printed."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown)


def plain_console() -> "Console":
    """A rich console that takes text for text: no markup, no codes of emoji."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)

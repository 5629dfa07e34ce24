"""Untrusted text, shown without being interpreted as markup or as terminal control codes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def plain(text: str) -> str:
    r"""The text with an escape, such as ``\x1b``, for every character that cannot be printed."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown)


def plain_console() -> "Console":
    """A rich console that interprets neither markup nor emoji codes."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)

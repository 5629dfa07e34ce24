"""How types of settings look on the command line."""

from typing import Annotated, TypeVar

import tyro

T = TypeVar("T")

IN_HELP = tyro.conf.arg(help_behavior_hint="")
"""Of a setting whose help says in words what happens by default."""

Option = Annotated[T | None, IN_HELP]
"""A setting that need not be given, such as `Option[int]`."""

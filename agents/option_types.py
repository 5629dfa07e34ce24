"""How types of settings look on the command line."""

from typing import Annotated, TypeVar

import tyro

T = TypeVar("T")

IN_HELP = tyro.conf.arg(help_behavior_hint="")
"""Marks a setting whose help text describes its default in words."""

DATASET = tyro.conf.arg(metavar="DATASET", help_behavior_hint="")
"""Marks the data set of a command, which is given without the name of an option."""

DATASETS = tyro.conf.arg(metavar="DATASET...")
"""The same for several of them."""

Option = Annotated[T | None, IN_HELP]
"""Type of an optional setting, such as `Option[int]`."""

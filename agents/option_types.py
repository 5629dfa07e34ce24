"""How types of settings look on the command line."""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    UnsupportedTypeAnnotationError,
)

T = TypeVar("T")

IN_HELP = tyro.conf.arg(help_behavior_hint="")
"""Marks a setting whose help text describes its default in words."""

DATASET = tyro.conf.arg(metavar="[DATASET]", help_behavior_hint="")
"""Marks the data set of a command, which is given without the name of an option."""

DATASETS = tyro.conf.arg(metavar="[DATASET...]")
"""The same for several of them."""

Option = Annotated[T | None, IN_HELP]
"""Type of an optional setting, such as `Option[int]`."""

RULES = ConstructorRegistry()
"""How tyro reads settings on the command line, where its own way would confuse."""


@RULES.primitive_rule
def _as_if_required(
    found: PrimitiveTypeInfo,
) -> PrimitiveConstructorSpec[Any] | UnsupportedTypeAnnotationError | None:
    """Read an optional setting as one of its type, for which None is no choice but the default."""
    kinds = tuple(kind for kind in get_args(found.type) if kind is not NoneType)
    if NoneType not in get_args(found.type):
        return None
    inner = PrimitiveTypeInfo.make(reduce(or_, kinds), found.markers)
    spec = ConstructorRegistry.get_primitive_spec(inner)
    if isinstance(spec, UnsupportedTypeAnnotationError):
        return spec
    return replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: [] if value is None else spec.str_from_instance(value),
    )


@RULES.primitive_rule
def _as_number(found: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Read a number, and say what was expected if it is none."""
    if found.type not in (int, float):
        return None
    read: Callable[[str], float] = found.type
    expected = "a whole number" if read is int else "a number"

    def number(words: list[str]) -> float:
        try:
            return read(words[0])
        except ValueError:
            raise ValueError(f"{words[0]!r} cannot be used: expected {expected}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=found.type.__name__.upper(),
        instance_from_str=number,
        is_instance=lambda value: isinstance(value, (int, float) if read is float else int),
        str_from_instance=lambda value: [str(value)],
    )

"""C code for a row of a table: a structure of raw values, and how features are made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from math import isnan

import numpy as np

from rlnas.columns.encoding import Column, Encoding, Rule
from rlnas.export.c import templates
from rlnas.export.c.names import (
    KEYWORDS,
    SIGNIFICANT,
    identifier,
    number_literal,
    quoted,
    string_literal,
    words_of,
)
from rlnas.export.inference import Inference

_OWN = """
    bias biases bits bounds centres class_name classes classify clipped code codes encode expected
    factors fan_in feature features flags flash float h hidden input inputs load
    logit_step logits means no_main number offsets open predict quantize raw read_double
    read_float read_int16_t read_int8_t read_uint16_t read_uint8_t row rows run samples scales
    self_test shifts sources spreads structure target_name targets tolerances valid values weights
"""
OWN = frozenset(_OWN.split())
"""What follows the name of a network in symbols and macros of its own, in lower case."""

_COLUMN = 24  # longest name of a column, so that there is room for its categories
_ENDINGS = ("", "_from_text", "_missing", "_other")


@dataclass(frozen=True)
class Field:
    """A column in C.

    Attributes:
        column: The column.
        name: Name of the member of the structure, unique.
        kind: Type of the member.
        constants: Of a category, the constant of each code.
        missing: Of a category, the constant of a missing value.
    """

    column: Column
    name: str
    kind: str
    constants: tuple[str, ...] = ()
    missing: str = ""

    @property
    def other(self) -> str:
        """Of a category, the constant of a text that is none of the categories."""
        return self.constants[-1] if self.column.other else self.missing


@dataclass
class _Symbols:
    """Names of the columns of one network.

    Attributes:
        prefix: Name of the network.
        members: Members of the structure.
        taken: What follows the prefix in symbols and macros, in lower case.
    """

    prefix: str
    members: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=lambda: set(OWN))

    def member(self, column: Column) -> str:
        """A new name for a column."""
        endings = _ENDINGS if column.kind == "category" else ()

        def is_free(name: str) -> bool:
            used = name in self.members or name in KEYWORDS
            return not used and not any(f"{name}{ending}" in self.taken for ending in endings)

        words = words_of(column.name)
        words = words if words[:1].isalpha() else f"column_{words}"
        room = SIGNIFICANT - len(f"{self.prefix}_") - max(map(len, _ENDINGS))
        name = identifier(words, min(room, _COLUMN), is_free)
        self.members.add(name)
        self.taken.update(f"{name}{ending}" for ending in endings)
        return name

    def constant(self, member: str, text: str) -> str:
        """A new name for the constant of a category."""
        room = SIGNIFICANT - len(f"{self.prefix}_{member}_")
        words = words_of(text) or "value"
        name = identifier(words, room, lambda name: f"{member}_{name}" not in self.taken)
        self.taken.add(f"{member}_{name}")
        return f"{self.prefix}_{member}_{name}".upper()


def on_rows(
    inference: Inference, encoding: Encoding, words: Mapping[str, str], samples: np.ndarray
) -> dict[str, str]:
    """The parts of the code that differ if raw samples are rows of a table.

    Args:
        inference: The network.
        encoding: How the features that it reads are made of codes.
        words: Words of the templates.
        samples: Codes of the samples of the self-test, `[samples, columns]`.
    """
    name, macro = words["name"], words["NAME"]
    fields = _fields(inference, encoding, name)
    rows = ",\n    ".join(_row(fields, codes) for codes in samples)
    if words["encode_type"] == "void":
        statements = [*_statements(fields, encoding, name, "features")]
    else:  # features are made of floats
        raw = f"{words['raw']} raw[{macro}_FEATURES];"
        made = _statements(fields, encoding, name, "raw")
        statements = [raw, *made, f"return {name}_quantize(raw, features);"]
    return {
        "introduction": words["rows_introduction"],
        "origin": f", which {name}_encode makes",
        "table": _declarations(fields, words),
        "encode": templates.ENCODE.substitute(
            words,
            flags=templates.FLAGS.substitute(words) if (encoding.rule == Rule.IS).any() else "",
            statements="\n".join(f"    {each}" for each in statements),
        ),
        "includes": "#include <math.h>\n#include <stdint.h>",
        "counter": "",
        "load": templates.LOAD_ROW.substitute(words),
        "samples_given": f"static const {name}_row {name}_samples[{len(samples)}] {macro}_FLASH = "
        f"{{\n    {rows}\n}};",
    }


def _fields(inference: Inference, encoding: Encoding, name: str) -> dict[int, Field]:
    """The columns that are read, by number, in the order of the table."""
    far = encoding.source[(encoding.rule == Rule.VALUE) & (inference.offset != 0)]
    read = {int(place): encoding.columns[place] for place in np.unique(encoding.source)}
    symbols = _Symbols(name)
    members = {place: symbols.member(column) for place, column in read.items()}
    fields = {}
    for place, column in read.items():
        member = members[place]
        if column.kind == "category":
            prefix = f"{name}_{member}".upper()
            texts = tuple(symbols.constant(member, text) for text in column.categories)
            constants = (*texts, f"{prefix}_OTHER") if column.other else texts
            kind, missing = f"enum {name}_{member}", f"{prefix}_MISSING"
            fields[place] = Field(column, member, kind, constants, missing)
        elif column.kind == "boolean":
            fields[place] = Field(column, member, "signed char")
        else:
            fields[place] = Field(column, member, "double" if place in far else "float")
    return fields


def _declarations(fields: dict[int, Field], words: Mapping[str, str]) -> str:
    """The enumerations, the structure, and the functions on them."""
    categories = [each for each in fields.values() if each.constants]
    members = (f"    {each.kind} {each.name}; {_comment(each)}" for each in fields.values())
    parts = [
        *map(_enumeration, categories),
        templates.ROW.substitute(words, members="\n".join(members)),
        *([templates.CODE.substitute(words)] if categories else []),
        *(_from_text(each, words) for each in categories),
    ]
    return "".join(f"\n{part}" for part in parts)


def _from_text(each: Field, words: Mapping[str, str]) -> str:
    return templates.FROM_TEXT.substitute(
        words,
        title=quoted(each.column.name),
        kind=each.kind,
        member=each.name,
        count=len(each.column.categories),
        texts=",\n        ".join(map(string_literal, each.column.categories)),
        other=each.other,
        missing=each.missing,
    )


def _row(fields: dict[int, Field], codes: np.ndarray) -> str:
    """The initializer of a row."""
    literals = (_literal(each, float(codes[place])) for place, each in fields.items())
    return f"{{ {', '.join(literals)} }}"


def _enumeration(each: Field) -> str:
    column = each.column
    lines = [f"    {each.missing} = -1"]
    comments = ["" if column.other else " /* also any text that is not below */"]
    for code, constant in enumerate(each.constants):
        lines.append(f"    {constant} = {code}")
        known = code < len(column.categories)
        comments.append(f" /* {quoted(column.text(code)) if known else 'any other text'} */")
    commas = [","] * (len(lines) - 1) + [""]
    body = "\n".join(map("".join, zip(lines, commas, comments, strict=True)))
    title = f"/* Values of {quoted(column.name)}. */"
    return f"{title}\n{each.kind} {{\n{body}\n}};\n"


def _comment(each: Field) -> str:
    meaning = {
        "number": ": NAN if missing",
        "date": ": days since 1970-01-01 in UTC, NAN if missing",
        "boolean": ": 0 or 1, -1 if missing",
        "category": "",
    }
    return f"/* {quoted(each.column.name)}{meaning[each.column.kind]} */"


def _statements(
    fields: dict[int, Field], encoding: Encoding, name: str, array: str
) -> Iterator[str]:
    """Statements that fill an array with features in order, flags of one category together."""
    rules = zip(encoding.source.tolist(), encoding.rule, encoding.operand.tolist(), strict=True)
    place = flags = 0
    for (source, rule), group in groupby(rules, key=lambda each: each[:2]):
        operands = [operand for *_, operand in group]
        each = fields[source]
        if rule == Rule.IS:
            codes, features = f"{name}_codes + {flags}", f"{array} + {place}"
            yield f"{name}_flags(row->{each.name}, {codes}, {features}, {len(operands)});"
            flags += len(operands)
        else:
            for k, operand in enumerate(operands, place):
                yield f"{array}[{k}] = {_feature(each, Rule(rule), operand)};"
        place += len(operands)


def _feature(each: Field, rule: Rule, operand: float) -> str:
    """The expression of a feature that is a value, or tells whether it is missing."""
    value, is_flag = f"row->{each.name}", each.kind == "signed char"
    missing = f"{value} != {value}" if each.kind in ("float", "double") else f"{value} < 0"
    if rule == Rule.MISSING:
        return f"{missing} ? 1.0f : 0.0f"
    known = f"{value} ? 1.0f : 0.0f" if is_flag else value
    if isnan(operand) and not is_flag:
        return known
    return f"{missing} ? {number_literal('float' if is_flag else each.kind, operand)} : {known}"


def _literal(each: Field, code: float) -> str:
    """The literal of a code."""
    missing = code != code
    if each.constants:
        return each.missing if missing else each.constants[int(code)]
    if each.kind == "signed char":
        return "-1" if missing else str(int(code))
    return number_literal(each.kind, code)

"""What the codes of the columns of a table mean, for whoever runs an export of a design for it."""

from typing import Literal, NotRequired, TypedDict

from rlnas.columns.encoding import Encoding, Kind

CODES: dict[Kind | Literal["missing"], str] = {
    "number": "the number",
    "boolean": "0 for false, 1 for true",
    "date": "days since 1970-01-01 in UTC, the time of day as a fraction",
    "category": "place of the text in `categories`, from 0; `other` stands for all other texts, "
    "which count as missing if it is null",
    "missing": "NaN, whatever the column holds",
}
"""How each kind of value is coded as a number."""


class ColumnFacts(TypedDict):
    """A column, see `rlnas.columns.encoding.Column`.

    Attributes:
        name: Its name.
        kind: What its values are.
        read: Whether the network reads it; any code will do for the others.
        written: Of a date or number, how the table writes it; "" for the usual way.
        categories: Of a category, the text of each code.
        other: Of a category, the code of other texts; None if they count as missing.
    """

    name: str
    kind: Kind
    read: bool
    written: NotRequired[str]
    categories: NotRequired[tuple[str, ...]]
    other: NotRequired[int | None]


class TableFacts(TypedDict):
    """The columns of a table.

    Attributes:
        codes: See `CODES`.
        columns: The columns in the order in which their codes are given.
    """

    codes: dict[Kind | Literal["missing"], str]
    columns: list[ColumnFacts]


def table_facts(encoding: Encoding) -> TableFacts:
    """What a row of codes consists of, as JSON values.

    Args:
        encoding: How the features that a network reads are made of codes.
    """
    read = set(encoding.source.tolist())
    columns: list[ColumnFacts] = []
    for place, column in enumerate(encoding.columns):
        facts: ColumnFacts = {"name": column.name, "kind": column.kind, "read": place in read}
        if column.kind == "category":
            facts["categories"] = column.categories
            facts["other"] = len(column.categories) if column.other else None
        elif column.kind != "boolean":
            facts["written"] = column.written
        columns.append(facts)
    return {"codes": CODES, "columns": columns}

"""What is said about columns: kind, range or values, gaps, what is made of them."""

import numpy as np

from rlnas.columns.description import ColumnSummary, summaries
from rlnas.columns.encoding import Column, Encoding, Rule
from rlnas.columns.fitting import CONSTANT

nan = float("nan")


def described(column: Column, *rules: tuple[Rule, float, float, float]) -> ColumnSummary:
    """The description of a column of features, each a rule, operand, lowest and highest value."""
    rule, operand, low, high = zip(*rules, strict=True)
    arrays = np.zeros(len(rules), np.int32), np.array(rule, np.uint8), np.array(operand, float)
    encoding = Encoding((column,), (column.name,), True, "kind", {}, *arrays)
    (found,) = summaries(encoding, np.array(low), np.array(high))
    return found


def test_a_number_has_its_range_in_the_training_rows():
    column = Column("mass", "number", missing=0.125)
    assert described(column, (Rule.VALUE, 3.0, -1.5, 1234567.0)) == ColumnSummary(
        "mass", "number", "-1.5 to 1.23457e+06", 0.125, "1 feature"
    )


def test_a_date_has_the_first_and_last_day_also_beyond_the_calendar_of_python():
    day = (Rule.VALUE, 0.0, -1.0, 3.5)
    assert described(Column("born", "date"), day).values == "1969-12-31 to 1970-01-04"
    far = (Rule.VALUE, 0.0, -1e6, 1e8)
    assert described(Column("born", "date"), far).values == "-768-02-04 to 275760-09-13"


def test_a_category_has_its_first_values_and_the_number_of_others():
    rules = [(Rule.IS, float(code), 0.0, 1.0) for code in range(6)]
    column = Column("city", "category", ("a", "b", "c", "d", "e"), other=True)
    found = described(column, *rules)
    assert (found.values, found.use) == ("a, b, c, d and 2 more", "6 features")
    few = Column("city", "category", ("a", "b"), other=True)
    assert described(few, *rules[:3]).values == "a, b, (other)"


def test_booleans_and_places_of_gaps_need_no_values():
    assert described(Column("on", "boolean"), (Rule.VALUE, 0.0, 0.0, 1.0)).values == ""
    assert described(Column("x", "number"), (Rule.MISSING, nan, 0.0, 1.0)).values == ""


def test_columns_that_are_not_used_come_last_with_their_reasons():
    columns = Column("a", "number"), Column("b", "boolean")
    encoding = Encoding(
        columns,
        ("id", "a", "c", "b"),
        True,
        "kind",
        {"id": "it is to be left out", "c": CONSTANT},
        np.array([0, 0, 1], np.int32),
        np.array([Rule.VALUE, Rule.MISSING, Rule.VALUE], np.uint8),
        np.array([0.0, nan, 0.0]),
    )
    found = summaries(encoding, np.array([0.0, 0, 0]), np.array([5.0, 1, 1]))
    assert [(each.name, each.kind, each.use) for each in found] == [
        ("a", "number", "2 features"),
        ("b", "boolean", "1 feature"),
        ("id", "", "it is to be left out"),
        ("c", "", CONSTANT),
    ]
    assert found[0].values == "0 to 5"

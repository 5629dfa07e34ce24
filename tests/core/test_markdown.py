"""Markdown tables."""

import pytest
from markdown_it import MarkdownIt

from rlnas.markdown import markdown_table


def test_table_is_read_back_cell_by_cell():
    rows = [("a", 1), ("b", ""), ("c", "x, y")]
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown_table(("name", "value"), rows))
    inline = [token.content for token in tokens if token.type == "inline"]
    assert inline == ["name", "value", "a", "1", "b", "", "c", "x, y"]


def test_table_without_rows_has_a_head_and_no_line_break():
    assert markdown_table(("a", "b"), []) == "| a | b |\n|---|---|"


def test_row_with_another_number_of_cells_is_refused():
    with pytest.raises(ValueError, match="2 cells"):
        markdown_table(("a", "b"), [("only one",)])

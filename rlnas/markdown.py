"""Markdown tables."""

from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """A text as a cell of a table, which a bar does not end."""
    return text.replace("|", r"\|")


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, without a line break at the end.

    Args:
        columns: Names of the columns.
        rows: Cells of each row, as many as there are columns.

    Raises:
        ValueError: A row has another number of cells.
    """
    cells = [list(columns), *([str(cell) for cell in row] for row in rows)]
    if any(len(row) != len(columns) for row in cells):
        raise ValueError(f"a row has not the {len(columns)} cells of the columns {columns}")
    head, *body = ("".join(f"| {cell} " if cell else "| " for cell in row) + "|" for row in cells)
    return "\n".join([head, "|---" * len(columns) + "|", *body])

"""Data cards: what they say is what the table holds, and the shipped ones are up to date."""

import re

import pytest

from rlnas.tabular.card import PENALTIES, data_card, format_architecture, plot_table
from rlnas.tabular.table import SHIPPED, Table


@pytest.fixture(params=SHIPPED, scope="module")
def table(request) -> Table:
    return Table.load(request.param)


def test_shipped_card_is_current(table):
    from importlib.resources import files

    shipped = files("rlnas.tabular") / "data" / table.dataset / "card.md"
    assert shipped.read_text() == data_card(table)


def test_card_lists_every_optimum_and_whole_front(table):
    card = data_card(table)
    for penalty in PENALTIES:
        best, score = table.optimum(penalty)
        assert f"| {penalty:g} | {format_architecture(best)} | {score:.4f} |" in card
    front = card.split("## Pareto front")[1]
    assert len(re.findall(r"^\| [\d,]+ \|", front, re.MULTILINE)) == len(table.pareto_front())


def test_picture_is_a_png_and_always_the_same(table):
    first = plot_table(table)
    assert first.startswith(b"\x89PNG")
    assert plot_table(table) == first


def test_format_architecture_writes_width_and_density():
    assert format_architecture(((32, 0.125), (16, 0.5))) == "32@0.125 16@0.5"
    assert format_architecture(()) == "linear"

"""Reports: the figures are those of the scores; results that cannot be compared are refused."""

from dataclasses import replace

import numpy as np
import pytest

from rlnas.agents.benchmark import About, Protocol, evaluate
from rlnas.agents.benchmark.report import (
    axes_plot,
    axes_table,
    comparison,
    heat_map,
    summary,
    told_apart,
)
from rlnas.agents.benchmark.rivals import RIVALS
from rlnas.errors import InputError


def with_scores(result, value: float, name: str):
    """The result with other scores: these, and a tenth more on the second task."""
    scores = np.full((3, 5), value)
    scores[1] += 0.1
    return replace(result, about=About(name), anytime=scores, final=scores - 0.5)


@pytest.fixture
def results(result):
    return {
        "low": with_scores(result, 0.2, "a policy"),
        "high": with_scores(result, 0.605, "other"),
    }


def test_summary_and_axes_are_the_scores(results):
    assert summary(results["low"]) == (
        "a policy on 3 tasks of the split test, 135 episodes: "
        "score 0.222 (0.200 to 0.300), score at the end -0.278 (-0.300 to -0.200)"
    )
    rows = axes_table(results["low"]).splitlines()
    assert rows[0] == "| axis | tasks | score | score at the end |"
    assert rows[3].startswith("| rows | 1 | 0.300 (0.300 to 0.300) | -0.200 (")


def test_comparison_ranks_and_counts(results):
    text = comparison(results)
    assert text.index("| high | other | 0.6") < text.index("| low | a policy | 0.2")
    assert "| high | low | +0.405 (+0.405 to +0.405) | 3 / 0 / 0 |" in text
    assert "100% of the pairs are told apart" in text
    assert "| result | table (1) | rows (1) | noise (1) |" in text
    assert "| low | 0.200 | 0.300 | 0.200 |" in text
    assert "against" not in comparison({"low": results["low"]})


def test_results_that_are_level_are_not_told_apart(results):
    rng = np.random.default_rng(0)
    noisy = replace(results["low"], anytime=results["low"].anytime + rng.normal(0, 0.1, (3, 5)))
    assert told_apart({"one": results["low"], "two": noisy}) == 0
    assert told_apart({"one": results["low"], "two": noisy, "high": results["high"]}) == 2 / 3


def test_hostile_names_are_shown_without_effect(results):
    name = "a|b\x1b[31m$\\frac$\n" + "y" * 200
    results["low"] = replace(results["low"], about=About(name))
    shown = r"a|b\x1b[31m$\frac$\n"
    assert summary(results["low"]).startswith(shown)
    assert summary(results["low"]).splitlines()[0].index("…") == 60
    assert f"| low | {shown}".replace("a|b", r"a\|b") in comparison(results)
    assert axes_plot(results["low"]).startswith(b"\x89PNG")
    results["$\\frac$"] = results.pop("low")
    assert heat_map(results).startswith(b"\x89PNG")


def test_heat_map_is_a_picture(results):
    assert heat_map(results).startswith(b"\x89PNG")


def test_results_that_cannot_be_compared_are_refused(results, family):
    other = evaluate(RIVALS["nothing"](0), family, About("nothing"), Protocol("train"), False)
    for wrong, message in (
        (other, "other was made by another protocol than low"),
        (replace(results["high"], family="0" * 64), "other was made with another family"),
        (replace(results["high"], tasks=("a", "b", "c")), "other was made on other tasks"),
    ):
        for act in (comparison, heat_map):
            with pytest.raises(InputError, match=message):
                act({"low": results["low"], "other": wrong})

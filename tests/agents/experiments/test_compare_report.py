"""The report of a comparison: every number in it, computed again by other means."""

from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from rlnas.agents.experiments.compare import POINTS, budgets
from rlnas.agents.experiments.compare_report import (
    interquartile_curve,
    plot,
    to_markdown,
    write_report,
)
from rlnas.agents.experiments.search_task import SearchTask

SEEDS = 8
"""The middle half is then four."""

TABLE = SearchTask("digits", tabular=True, penalty=0.25, budget=20_000)
LIVE = SearchTask("wine", tabular=False, penalty=0.1, budget=5_000)
MIDDLE = {"weak": 0.6, "controller": 0.8, "strong": 0.82}
RANDOM = np.random.default_rng


def made_up(task: SearchTask, n_seeds: int = SEEDS) -> dict[str, list[dict[str, Any]]]:
    """Results of three methods, of which scores overlap and sometimes are equal."""
    results: dict[str, list[dict[str, Any]]] = {}
    for number, (method, middle) in enumerate(MIDDLE.items()):
        rng = RANDOM(number)
        results[method] = []
        for _ in range(n_seeds):
            score = round(middle + 0.03 * rng.normal(), 2)
            found = {
                "score": score,
                "test_score": score - 0.1 * rng.random(),
                "hypervolume": rng.random(),
                "seconds": 600 * rng.random(),
                "curve": np.sort(np.append(rng.uniform(0, score, POINTS - 1), score)).tolist(),
            }
            if task.tabular:
                found["regret"] = 0.9 - score
            results[method].append(found)
    return results


def column(runs: list[dict[str, Any]], key: str) -> np.ndarray:
    return np.array([found[key] for found in runs])


def middle(values: np.ndarray) -> float:
    """The interquartile mean of as many values as can be divided by four."""
    quarter = len(values) // 4
    return float(np.sort(values)[quarter : len(values) - quarter].mean())


def table_of(text: str) -> dict[str, dict[str, str]]:
    """The cells of a Markdown table by row and column, rows in their order."""
    header, rule, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    )
    assert set("".join(rule)) == {"-"}
    assert {len(row) for row in rows} == {len(header)} == {len(rule)}
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def numbers(cell: str) -> list[float]:
    """Of "value (low to high)"."""
    value, low, to, high = cell.split()
    assert (low[0], to, high[-1]) == ("(", "to", ")")
    return [float(value), float(low[1:]), float(high[:-1])]


# --- the table ---


@pytest.mark.parametrize("task", [TABLE, LIVE], ids=["table", "live"])
def test_means_and_intervals_are_those_of_the_results(task):
    results = made_up(task)
    rows = table_of(to_markdown(task, results))
    names = {
        "score": "best score found",
        "test_score": "the same design's score on test samples",
        "hypervolume": "hypervolume",
        **({"regret": "regret"} if task.tabular else {}),
    }
    rng = RANDOM(9)
    for method, runs in results.items():
        for key, name in names.items():
            value, low, high = numbers(rows[method][name])
            data = column(runs, key)
            assert value == pytest.approx(middle(data), abs=5.1e-5)
            again = np.sort(rng.choice(data, (4000, SEEDS)), axis=1)[:, 2:6].mean(axis=1)
            expected = np.quantile(again, [0.025, 0.975])
            assert [low, high] == pytest.approx(expected, abs=0.1 * np.ptp(data))
        assert float(rows[method]["minutes"]) == pytest.approx(
            column(runs, "seconds").mean() / 60, abs=0.051
        )


def test_improvement_is_the_share_of_pairs_that_the_controller_wins():
    results = made_up(TABLE)
    rows = table_of(to_markdown(TABLE, results))
    ours = column(results["controller"], "score")
    for method in ("weak", "strong"):
        theirs = column(results[method], "score")
        wins = [(a > b) + 0.5 * (a == b) for a in ours for b in theirs]
        value, low, high = numbers(rows[method]["controller better"])
        assert value == pytest.approx(np.mean(wins), abs=0.0051)
        assert 0 <= low <= value <= high <= 1
    assert rows["controller"]["controller better"] == ""


def test_the_best_method_comes_first():
    rows = table_of(to_markdown(TABLE, made_up(TABLE)))
    assert list(rows) == ["strong", "controller", "weak"]


def test_the_task_is_told_above_the_table():
    text = to_markdown(TABLE, made_up(TABLE)).splitlines()[0]
    for fact in ("`digits`, the table", "penalty 0.25", "20,000 look-ups each", "8 seeds"):
        assert fact in text
    text = to_markdown(LIVE, made_up(LIVE)).splitlines()[0]
    for fact in ("`wine`:", "penalty 0.1", "5,000 training batches each", "8 seeds"):
        assert fact in text


def test_live_searches_have_no_regret():
    rows = table_of(to_markdown(LIVE, made_up(LIVE)))
    assert all("regret" not in cells for cells in rows.values())


# --- what is absent ---


def others(results: dict[str, Any]) -> dict[str, Any]:
    return {method: runs for method, runs in results.items() if method != "controller"}


def test_without_the_controller_nothing_is_said_of_it(tmp_path):
    text = write_report(TABLE, others(made_up(TABLE)), tmp_path)
    assert "controller" not in text
    rows = table_of(text)
    assert list(rows) == ["strong", "weak"]
    assert rows["weak"] == {
        name: cell
        for name, cell in table_of(to_markdown(TABLE, made_up(TABLE)))["weak"].items()
        if name != "controller better"
    }
    assert (tmp_path / "comparison.png").is_file()


def test_the_controller_alone_has_a_report(tmp_path):
    results = {"controller": made_up(LIVE)["controller"]}
    assert list(table_of(write_report(LIVE, results, tmp_path))) == ["controller"]


def test_one_seed_is_its_own_interval(tmp_path):
    results = others(made_up(TABLE, n_seeds=1))
    rows = table_of(write_report(TABLE, results, tmp_path))
    for method, (found,) in results.items():
        assert numbers(rows[method]["best score found"]) == [found["score"]] * 3


def test_one_seed_is_enough_for_a_report_with_the_controller(tmp_path):
    results = made_up(TABLE, n_seeds=1)
    rows = table_of(write_report(TABLE, results, tmp_path))
    for method, (found,) in results.items():
        assert numbers(rows[method]["best score found"]) == [found["score"]] * 3
    assert rows["weak"]["controller better"].startswith("1.00")


def test_equal_results_of_all_methods_have_a_report(tmp_path):
    same = made_up(TABLE)["weak"][:1] * SEEDS
    rows = table_of(write_report(TABLE, {"controller": same, "random": same}, tmp_path))
    assert numbers(rows["random"]["controller better"]) == [0.5, 0.5, 0.5]


# --- the plots ---


def lines(axes: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in axes.lines]


def test_curves_are_interquartile_means_at_every_budget():
    results = made_up(LIVE)
    for runs in results.values():
        curves = np.array([found["curve"] for found in runs])
        expected = [middle(curves[:, point]) for point in range(POINTS)]
        np.testing.assert_allclose(interquartile_curve(runs), expected, rtol=1e-12)
    axes = plot(LIVE, results).axes[1]
    drawn = {line.get_label(): line for line in axes.lines}
    assert set(drawn) == set(results)
    for method, line in drawn.items():
        np.testing.assert_array_equal(line.get_xdata(), budgets(LIVE.budget))
        np.testing.assert_allclose(line.get_ydata(), interquartile_curve(results[method]))


def test_profiles_are_shares_of_searches_above_each_score():
    results = made_up(TABLE)
    drawn = lines(plot(TABLE, results).axes[2])
    assert len(drawn) == len(results)
    for levels, shares in drawn:
        matching = [
            method
            for method, runs in results.items()
            if np.allclose(shares, [(column(runs, "score") > level).mean() for level in levels])
        ]
        assert len(matching) == 1
        assert shares[-1] == 0  # the axis reaches as far as the best


def test_scores_and_improvement_are_drawn_where_the_table_has_them():
    results = made_up(TABLE)
    scores, _, _, wins = plot(TABLE, results).axes
    rows = table_of(to_markdown(TABLE, results))
    assert [label.get_text() for label in scores.get_yticklabels()] == list(rows)[::-1]
    found = {container.lines[0].get_ydata()[0]: container for container in scores.containers}
    for place, method in enumerate(list(rows)[::-1]):
        value = found[place].lines[0].get_xdata()[0]
        assert f"{value:.4f}" == rows[method]["best score found"].split()[0]
    against = [method for method in list(rows)[::-1] if method != "controller"]
    assert len(wins.containers) == len(against)
    for container, method in zip(wins.containers, against, strict=True):
        value = container.lines[0].get_xdata()[0]
        assert f"{value:.2f}" == rows[method]["controller better"].split()[0]


# --- the files ---


@pytest.mark.parametrize("apart", [0.0, 1e-9, 1e-6, 1e-4, 1e-3, 0.03])
def test_tick_labels_do_not_touch_however_close_the_methods_are(apart):
    results = made_up(TABLE)
    for runs in results.values():
        for found in runs:
            found["score"] = 0.951138 + apart * (found["score"] - 0.8)
    drawn = plot(TABLE, results)
    drawn.draw_without_rendering()
    for axes in drawn.axes:
        shown = [label.get_window_extent() for label in axes.get_xticklabels()]
        inside = [box for box in shown if box.x1 > axes.bbox.x0 and box.x0 < axes.bbox.x1]
        assert len(inside) >= 2
        assert not any(a.overlaps(b) for a, b in combinations(inside, 2))
        assert axes.xaxis.get_offset_text().get_text() == ""


def test_rows_of_scores_and_improvement_are_level():
    scores, _, _, wins = plot(TABLE, made_up(TABLE)).axes
    assert scores.get_ylim() == wins.get_ylim()
    assert [label.get_text() for label in scores.get_yticklabels()] == [
        label.get_text() for label in wins.get_yticklabels()
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write_report(LIVE, made_up(LIVE), out)
    return out


def events_in(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return events


def test_the_table_is_a_file(folder):
    assert (folder / "comparison.md").read_text() == to_markdown(LIVE, made_up(LIVE)) + "\n"


def test_the_plots_are_a_picture(folder):
    pixels = matplotlib.image.imread(folder / "comparison.png")
    assert pixels.shape[:2] == (500, 2000)
    assert pixels[..., :3].std() > 0.05


def test_the_same_results_give_the_same_files(folder, tmp_path):
    write_report(LIVE, made_up(LIVE), tmp_path)
    for name in ("comparison.md", "comparison.png"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_tensorboard_has_the_curves_and_the_plots(folder):
    results = made_up(LIVE)
    events = events_in(folder)
    assert set(events.Tags()["scalars"]) == {f"best_score/{method}" for method in results}
    for method, runs in results.items():
        found = events.Scalars(f"best_score/{method}")
        assert [event.step for event in found] == [int(place) for place in budgets(LIVE.budget)]
        values = [event.value for event in found]
        np.testing.assert_allclose(values, interquartile_curve(runs), rtol=1e-6)
    (image,) = events.Images("comparison")
    assert (image.width, image.height, image.step) == (2000, 500, LIVE.budget)


def test_a_report_written_again_does_not_draw_curves_twice(tmp_path):
    for n_seeds in (4, SEEDS):
        write_report(LIVE, others(made_up(LIVE, n_seeds)), tmp_path)
    found = events_in(tmp_path).Scalars("best_score/weak")
    assert len(found) == POINTS

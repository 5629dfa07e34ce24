"""The report of the study of learning: a table, and a learning curve for each family."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.agents.experiments.decisions.learning import Learned
from rlnas.agents.experiments.statistics import trimmed_mean_interval
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import write_json
from rlnas.markdown import markdown_table


def write_report(results: Sequence[Learned], out: Path) -> str:
    """Write `learning.md`, `learning.png` and `learning.json`.

    Args:
        results: Result of `rlnas.agents.experiments.decisions.learning.study_learning`.
        out: Folder for the report.

    Returns:
        The table, as Markdown.
    """
    text = to_markdown(results)
    replace_file(out / "learning.md", (text + "\n").encode())
    replace_file(out / "learning.png", plots.png(plot(results)))
    write_json(out / "learning.json", [asdict(each) for each in results])
    return text


def to_markdown(results: Sequence[Learned]) -> str:
    """The mean anytime score of each policy in the fresh episodes, in points (hundredths)."""
    columns = ["data", "policy", "anytime score", "above the best rule", "seeds above it"]
    rows = []
    for each in results:
        rule, chance = 100 * np.mean(each.ruled), 100 * np.mean(each.chance)
        name = f"best rule: {each.rule}"
        below = f"{chance - rule:+.2f}"
        rows.append([each.family, "random legal actions", f"{chance:.2f}", below, ""])
        rows.append([each.family, name, f"{rule:.2f}", "0", ""])
        for algorithm, found in each.trained.items():
            means = [100 * np.mean(one["scores"]) for one in found]
            gains = np.subtract(means, rule)
            level, gain = (trimmed_mean_interval(values, trim=0) for values in (means, gains))
            above = f"{(gains > 0).sum()} of {gains.size}"
            rows.append([each.family, algorithm, f"{level:.2f}", f"{gain:+.2f}", above])
    return markdown_table(columns, rows)


def plot(results: Sequence[Learned]) -> Any:
    """Draw the mean learning curves over seeds, with the least and the largest at each point."""
    drawn, columns = plots.figure(4.5 * len(results), 4, columns=len(results))
    for each, axes in zip(results, columns, strict=True):
        for algorithm, found in each.trained.items():
            steps = np.mean([one["steps"] for one in found], axis=0)
            curves = np.array([one["curve"] for one in found])
            (line,) = axes.plot(steps, curves.mean(axis=0), label=algorithm)
            low, high = curves.min(axis=0), curves.max(axis=0)
            axes.fill_between(steps, low, high, alpha=0.2, color=line.get_color())
        axes.axhline(float(np.mean(each.ruled)), color="0.3", linestyle="--", label="best rule")
        axes.axhline(
            float(np.mean(each.chance)), color="0.6", linestyle=":", label="random legal actions"
        )
        axes.set_title(each.family, fontsize="medium")
        axes.set_xlabel("steps")
        axes.locator_params(axis="x", nbins=5)
        axes.legend(fontsize="small")
    columns[0].set_ylabel("anytime score of the episodes of training")
    return drawn

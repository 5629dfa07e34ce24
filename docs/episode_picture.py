"""The picture of an episode in README.md and docs/concepts.md: `python docs/episode_picture.py`.

The controller in the package designs for digits, as `rlnas design` does with seed 0.
"""

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from rlnas.agents import design

SETTINGS = {"font.size": 7.5, "svg.hashsalt": "episode", "axes.spines.top": False}
ACCURACY, WEIGHTS, CHOSEN = "#1f5fa8", "#8a8f98", "#ffe9b8"


def picture(history: list[dict[str, Any]]) -> Figure:
    """Accuracy and active weights of the network after each edit, from top to bottom.

    Args:
        history: The start and each step: `action`, `score`, `val_metric`, `active_weights`.
    """
    steps = range(len(history))
    edits = ["start", *(step["action"].replace("_", " ") for step in history[1:])]
    chosen = max(steps, key=lambda step: history[step]["score"])
    drawn = Figure(figsize=(4.2, 4.9), layout="constrained")
    left, right = drawn.subplots(1, 2, sharey=True)
    for axes in (left, right):
        axes.axhspan(chosen - 0.5, chosen + 0.5, color=CHOSEN, zorder=0)
        axes.spines["right"].set_visible(False)
        axes.tick_params(length=2)
    accuracies = [100 * step["val_metric"] for step in history]
    left.plot(accuracies, steps, "o-", color=ACCURACY, markersize=3, linewidth=1)
    left.set(xlabel="validation\naccuracy, %", xlim=(90, 100), xticks=(90, 95, 100))
    left.set_ylim(len(history) - 0.5, -0.5)
    left.set_yticks(steps, [f"{edit}  {step}" for step, edit in enumerate(edits)])
    weights = [step["active_weights"] for step in history]
    right.barh(steps, weights, color=WEIGHTS, height=0.7)
    for step, count in enumerate(weights):
        right.text(count + 120, step, f"{count:,}", va="center", fontsize=6.5)
    right.set(xlabel="active\nweights", xlim=(0, 1.4 * max(weights)), xticks=(0, 5000))
    right.text(1.4 * max(weights), chosen, "chosen", ha="right", va="center", fontweight="bold")
    return drawn


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        record = design(dataset="digits", out=Path(folder) / "design").record
    svg = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        picture(record["history"]).savefig(svg, format="svg", metadata={"Date": None})
    Path(__file__).with_name("episode.svg").write_bytes(svg.getvalue())

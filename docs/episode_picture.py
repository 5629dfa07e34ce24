"""The picture of an episode in README.md and docs/concepts.md: `python docs/episode_picture.py`.

The controller in the package designs for digits, as `rlnas design` does with seed 0.
"""

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from rlnas import DesignEnv
from rlnas.agents import DesignConfig, load_policy, play_episode
from rlnas.files import replace_file

SETTINGS = {"font.size": 7.5, "svg.hashsalt": "episode", "axes.spines.top": False}
ACCURACY, WEIGHTS, CHOSEN = "#1f5fa8", "#8a8f98", "#ffe9b8"


def picture(history: list[dict], chosen: int) -> Figure:
    """Accuracy and active weights of the design after each edit, from top to bottom.

    Args:
        history: infos of the start and of every step, with `action`.
        chosen: which of them has the best score.
    """
    steps = range(len(history))
    edits = ["start", *(info["action"].replace("_", " ") for info in history[1:])]
    drawn = Figure(figsize=(4.2, 4.9), layout="constrained")
    left, right = drawn.subplots(1, 2, sharey=True)
    for axes in (left, right):
        axes.axhspan(chosen - 0.5, chosen + 0.5, color=CHOSEN, zorder=0)
        axes.spines["right"].set_visible(False)
        axes.tick_params(length=2)
    accuracies = [100 * info["val_accuracy"] for info in history]
    left.plot(accuracies, steps, "o-", color=ACCURACY, markersize=3, linewidth=1)
    left.set(xlabel="validation\naccuracy, %", xlim=(75, 100), xticks=(80, 90, 100))
    left.set_ylim(len(history) - 0.5, -0.5)
    left.set_yticks(steps, [f"{edit}  {step}" for step, edit in enumerate(edits)])
    weights = [info["active_weights"] for info in history]
    right.barh(steps, weights, color=WEIGHTS, height=0.7)
    for step, count in enumerate(weights):
        right.text(count + 120, step, f"{count:,}", va="center", fontsize=6.5)
    right.set(xlabel="active\nweights", xlim=(0, 1.4 * max(weights)), xticks=(0, 5000))
    right.text(1.4 * max(weights), chosen, "chosen", ha="right", va="center", fontweight="bold")
    return drawn


if __name__ == "__main__":
    env = DesignEnv("digits", penalty=0.1, width=76, density=1.0)
    design, history = play_episode(env, load_policy(DesignConfig.policy), seed=0)
    scores = [info["score"] for info in history]
    svg = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        drawn = picture(history, scores.index(design.info["score"]))
        drawn.savefig(svg, format="svg", metadata={"Date": None})
    replace_file(Path(__file__).with_name("episode.svg"), svg.getvalue())

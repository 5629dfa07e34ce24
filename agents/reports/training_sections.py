"""The sections of a report about how a training did."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rlnas import plots
from rlnas.agents.policies.outcome import MEASURES
from rlnas.agents.reports.sections import Section, png
from rlnas.agents.training.watching.evaluations import Evaluations
from rlnas.files.reading import read_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RIVALS = ("tab:green", "tab:purple", "tab:orange")  # colours


def draw_rivals(rivals: Mapping[str, float], axes: "Axes") -> None:
    """Draw the scores of policies as lines, of which those at the same height are seen in turns.

    Args:
        rivals: The scores by the names of the policies.
        axes: The `Axes` to draw in.
    """
    dash = 4.0
    for k, (name, score) in enumerate(rivals.items()):
        turn = (-k * dash, (dash, (len(rivals) - 1) * dash))
        axes.axhline(score, color=_RIVALS[k % len(_RIVALS)], linestyle=turn, lw=1.5, label=name)


def evaluations(found: Evaluations, run: Path, total: int) -> Section:
    """The evaluations of a training, with lines for the policies that it is compared with.

    Args:
        found: The evaluations.
        run: The run folder.
        total: Steps of the training.
    """
    drawn, axes = plots.figure(9, 4)
    steps = [each.timesteps for each in found.done]
    axes.plot(steps, [each.score for each in found.done], "o-", ms=4, label="this training")
    best = found.best
    place = [best.timesteps], [best.score]
    axes.scatter(*place, s=120, facecolors="none", edgecolors="crimson", zorder=3, label="kept")
    draw_rivals(found.rivals, axes)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(f"mean {MEASURES[found.measure]}")
    axes.grid(alpha=0.3)
    axes.legend()
    text = (
        "The policy in episodes that the training does not play, the same each time. Kept is "
        f"{found.in_words(run, total)}."
    )
    return Section("Evaluations", text, png(drawn))


def episode(path: Path) -> list[Section]:
    """The film of an episode, if there is one."""
    if not path.is_file():
        return []
    shown = base64.b64encode(read_bytes(path)).decode()
    text = "An episode of the policy: what it does, and what becomes of the network."
    return [Section("An episode", text, film=shown)]

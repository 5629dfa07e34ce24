"""What an episode with a budget has spent: for the record of a design, its table and its report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rlnas.designs.record import BudgetRecord
from rlnas.envs.budget.actions import BUDGET_ACTIONS, LENGTHS
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.live_env import LiveEnv

if TYPE_CHECKING:  # drawing alone needs it, and designing does without
    from matplotlib.axes import Axes

_LENGTH_OF = {str(action): action.length for action in BUDGET_ACTIONS}
_OF_STEP = ("cost", "spent", "batches")


def spending(env: LiveEnv, history: Sequence[Mapping[str, Any]]) -> BudgetRecord | None:
    """What an episode has spent; None for an episode without a budget.

    Args:
        env: The environment of the episode.
        history: The infos of its reset and of every step.
    """
    if not isinstance(env, BudgetDesignEnv):
        return None
    last, taken = history[-1], len(history) - 1
    lengths = Counter(_LENGTH_OF[info["action"]] for info in history[1:])
    return {
        "units": last["budget"] / env.state.unit,
        "multiply_adds": int(last["budget"]),
        "spent": int(last["spent"]),
        "anytime": last["anytime"],
        "lengths": {length: lengths[length] / max(taken, 1) for length in LENGTHS},
    }


def spent_in_step(info: Mapping[str, Any]) -> dict[str, int]:
    """The cost of a step and what was spent after it, if its episode has a budget."""
    return {key: int(info[key]) for key in _OF_STEP if key in info}


def spending_facts(record: BudgetRecord) -> dict[str, str]:
    """The facts of a `BudgetRecord` in words, by their names."""
    share = record["spent"] / record["multiply_adds"]
    lengths = [f"{length} {part:.0%}" for length, part in record["lengths"].items()]
    others = 1 - sum(record["lengths"].values())
    return {
        "budget": f"{record['units']:.3g} ({record['multiply_adds']:,} multiply-adds)",
        "spent": f"{share:.1%} ({record['spent']:,} multiply-adds)",
        "anytime score": f"{record['anytime']:.4f}",
        "training after each step": ", ".join([*lengths, f"none (start, stop) {others:.0%}"]),
    }


def draw_spending(steps: Sequence[Mapping[str, Any]], axes: "Axes") -> None:
    """Draw the score and the best score so far against the cost, on a logarithmic axis.

    Args:
        steps: The steps of an episode with a budget, without its reset; from its record.
        axes: Where to draw.
    """
    spent, scores = ([step[name] for step in steps] for name in ("spent", "score"))
    axes.plot(spent, scores, "o", ms=4, color="tab:blue", label="score after each step")
    best = list(accumulate(scores, max))
    axes.step(spent, best, where="post", color="black", label="best score so far")
    axes.set_xscale("log")
    axes.set_xlabel("multiply-adds spent")
    axes.set_ylabel("score")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")

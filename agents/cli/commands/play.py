"""`rlnas play`: designing by hand in the terminal, then the same episode by a trained policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlnas.agents.config import SHIPPED, SHIPPED_BUDGET, check_seed
from rlnas.agents.option_types import Option
from rlnas.validation import PlainIntegers

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table


QUIT = "q"


@dataclass(frozen=True)
class Play(PlainIntegers):
    """Design a network by hand, step by step, then see what a trained policy does."""

    dataset: str = "digits"
    """Name, or .npz file of arrays X and y."""
    penalty: Option[float] = None
    """Price of the reference number of weights, in accuracy; by default as in `rlnas design`."""
    seed: int = 0
    """Seed of the episode."""
    budget: Option[float] = None
    """Let the episode have a budget of so many units of training cost; by default as in the
    training of the policy."""
    policy: Option[Path] = None
    """Run folder of `rlnas train`; by default the policy that comes with rlnas, with --budget the
    one for episodes with a budget."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Play one episode on the terminal."""
        self.play()

    def play(self, ask: Callable[[str], str] = input) -> list[float]:
        """Play one episode, then show what the policy makes of the same one.

        Args:
            ask: Shows a prompt and returns the answer: the number of an action, nothing for the
                default that the prompt names, or `q` to stop.

        Returns:
            The score at the start and after every step that was taken.

        Raises:
            InputError: The policy, the data set or a value cannot be used.
        """
        from rlnas.agents.policies.environments import env_like
        from rlnas.agents.policies.episode import play_episode, steps_of_episode, worth
        from rlnas.agents.policies.layouts import layout_of
        from rlnas.agents.policies.policy import load_policy
        from rlnas.envs.actions import NO_OP
        from rlnas.envs.budget.costs import budget_named
        from rlnas.envs.budget.design_env import BudgetDesignEnv
        from rlnas.files.plain_text import plain, plain_console
        from rlnas.network_views import describe

        check_seed(self.seed)
        run = self.policy or (SHIPPED if self.budget is None else SHIPPED_BUDGET)
        policy = load_policy(run)
        given = {} if self.budget is None else {"budget": self.budget}
        with budget_named("--budget"):
            env = env_like(run, self.dataset, self.penalty, self.data_dir, middle=True, **given)
        layout = layout_of(env.observation_space)
        console = plain_console()
        scores: list[float] = []

        def choose(observation: "np.ndarray", mask: "np.ndarray") -> int:
            console.print()
            console.print(describe(env.current_design, info | env.words), style="cyan")
            console.print(menu(mask))
            return _answer(mask, layout.actions[NO_OP], ask)

        try:
            for step in steps_of_episode(env, choose, self.seed):
                info = step.info
                scores.append(info["score"])
                if step.action is None:
                    limit = f"{env.episode_steps} steps"
                    if isinstance(env, BudgetDesignEnv):
                        units = info["budget"] / env.state.unit
                        limit = f"at most {limit}, a budget of {units:.3g}"
                    console.print(
                        f"Data set {plain(env.dataset.name)}, penalty {env.penalty:g}, {limit}. "
                        f"The score is accuracy less {env.penalty:g} for every "
                        f"{env.reference:,} weights."
                    )
                else:
                    console.print(
                        f"step {env.state.elapsed} of {env.episode_steps}: {env.words['action']}, "
                        f"{scores[-1] - scores[-2]:+.4f}{spent(info)}"
                    )
        except _Stopped:
            pass
        ours = anytime(info)
        console.print(f"\nyour best score {max(scores):.4f}, the last {scores[-1]:.4f}{ours}")
        best, history = play_episode(env, policy, self.seed)
        theirs = f"{best.info['score']:.4f} ({worth(best.info)}){anytime(history[-1])}"
        console.print(f"the policy's best {theirs}")
        return scores


def anytime(info: Mapping[str, Any]) -> str:
    """The anytime score in words; nothing without a budget."""
    return f", anytime score {info['anytime']:.4f}" if "budget" in info else ""


def spent(info: Mapping[str, Any]) -> str:
    """What a step cost and what is left of the budget, in words; nothing without a budget."""
    if "budget" not in info:
        return ""
    cost, left = (
        share / info["budget"] for share in (info["cost"], info["budget"] - info["spent"])
    )
    return f"{anytime(info)}; cost {cost:.1%} of the budget, left {left:.1%}"


def menu(mask: "np.ndarray") -> "Table":
    """The legal actions with their numbers, a row for each operation.

    In episodes with a budget, an edit has a number for each length of the training after it.

    Args:
        mask: bool `[actions]`.
    """
    from rich.table import Table

    from rlnas.envs.actions import ACTIONS, OPERATIONS

    if mask.size != len(ACTIONS):
        return _menu_with_lengths(mask)
    table = Table(box=None, show_header=False)
    for operation in OPERATIONS:
        legal = [number for number in mask.nonzero()[0] if ACTIONS[number].operation == operation]
        if legal:
            names = (str(ACTIONS[number]).removeprefix(operation).strip() for number in legal)
            choices = [f"[{number}] {name}" for number, name in zip(legal, names, strict=True)]
            table.add_row(operation.replace("_", " "), "   ".join(choices), style="default")
    return table


def _menu_with_lengths(mask: "np.ndarray") -> "Table":
    """The legal actions of an episode with a budget; see `menu`."""
    from rich.table import Table

    from rlnas.envs.budget.actions import (
        BUDGET_ACTIONS,
        BUDGET_OPERATIONS,
        LENGTHS,
        STARTS_SLICE,
    )

    title = f"[number] is the action with {', '.join(LENGTHS)} training after the edit"
    if not mask[: STARTS_SLICE.start].any():
        title = "there is no network yet: choose a start"
    table = Table(box=None, show_header=False, title=title, title_justify="left")
    for operation in BUDGET_OPERATIONS:
        numbers: dict[str, list[str]] = {}
        for number in mask.nonzero()[0]:
            action = BUDGET_ACTIONS[number]
            if action.operation == operation:
                name = str(action.edit or action).removeprefix(operation).strip()
                numbers.setdefault(name, []).append(f"[{number}]")
        if numbers:
            choices = [f"{''.join(each)} {name}".strip() for name, each in numbers.items()]
            table.add_row(operation.replace("_", " "), "   ".join(choices), style="default")
    return table


class _Stopped(Exception):
    """The player has had enough."""


def _answer(mask: "np.ndarray", default: str, ask: Callable[[str], str]) -> int:
    """The action that the player chooses. Asks until the answer is legal.

    Args:
        mask: bool `[actions]`, which are legal.
        default: name of the action `NO_OP`, which Enter chooses where it is legal.
        ask: see `Play.play`.

    Raises:
        _Stopped: The answer is `q`, or there are no more answers.
    """
    from rlnas.envs.actions import NO_OP
    from rlnas.files.plain_text import plain

    offered = f"Enter for {default}, " if mask[NO_OP] else ""
    while True:
        try:
            text = ask(f"action ({offered}q to stop): ").strip()
        except EOFError:
            raise _Stopped from None
        if text == QUIT:
            raise _Stopped
        if text == "" and mask[NO_OP]:
            return NO_OP
        if text.isdecimal() and int(text) < mask.size and mask[int(text)]:
            return int(text)
        print(f"'{plain(text)}' is no legal action: expected a number from the list")

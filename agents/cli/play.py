"""Designing by hand in the terminal: the same episode as the controller, to feel the task."""

from collections.abc import Callable

import numpy as np
from rich.table import Table

from rlnas.agents.cli.design_config import PlayConfig
from rlnas.agents.config import check_seed
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy
from rlnas.envs.actions import ACTIONS, NO_OP, OPERATIONS
from rlnas.envs.design_env import DesignEnv
from rlnas.files.plain_text import plain, plain_console
from rlnas.plots import describe

QUIT = "q"


def play(config: PlayConfig, ask: Callable[[str], str] = input) -> list[float]:
    """Play one episode, then show what the controller makes of the same one.

    Args:
        config: which episode.
        ask: shows a prompt, returns the answer: the number of an action, nothing for "none", or
            `q` to stop.

    Returns:
        The score at the start and after every step that was taken.

    Raises:
        InputError: the policy, the data set or a value cannot be used.
    """
    check_seed(config.seed)
    policy = load_policy(config.policy)
    env = env_like(config.policy, config.dataset, config.penalty, config.data_dir, middle=True)
    console = plain_console()
    _, info = env.reset(seed=config.seed)
    scores, over = [info["score"]], False
    console.print(
        f"Data set {plain(env.dataset.name)}, penalty {env.penalty:g}, {env.episode_steps} steps. "
        f"The score is accuracy less {env.penalty:g} for every {env.reference:,} weights."
    )
    while not over:
        console.print()
        console.print(describe(env.current_design, info | env.words), style="cyan")
        console.print(menu(env.action_masks()))
        action = _answer(env, ask)
        if action is None:
            break
        _, _, over, _, info = env.step(action)
        scores.append(info["score"])
        change = scores[-1] - scores[-2]
        console.print(
            f"step {env.state.elapsed} of {env.episode_steps}: {env.words['action']}, {change:+.4f}"
        )
    console.print(f"\nyour best score {max(scores):.4f}, the last {scores[-1]:.4f}")
    best, _ = play_episode(env, policy, config.seed)
    console.print(
        f"the controller's best {best.info['score']:.4f} "
        f"({best.info['val_accuracy']:.2%} with {best.info['active_weights']:,} weights)"
    )
    return scores


def menu(mask: np.ndarray) -> Table:
    """The legal actions with their numbers, a row for each operation.

    Args:
        mask: bool `[actions]`.
    """
    table = Table(box=None, show_header=False)
    for operation in OPERATIONS:
        legal = [
            number for number in np.flatnonzero(mask) if ACTIONS[number].operation == operation
        ]
        if legal:
            names = (str(ACTIONS[number]).removeprefix(operation).strip() for number in legal)
            choices = [f"[{number}] {name}" for number, name in zip(legal, names, strict=True)]
            table.add_row(operation.replace("_", " "), "   ".join(choices), style="default")
    return table


def _answer(env: DesignEnv, ask: Callable[[str], str]) -> int | None:
    """The action that the player chooses; None to stop. Asks again until the answer is one."""
    while True:
        try:
            text = ask("action (Enter for none, q to stop): ").strip()
        except EOFError:
            return None
        if text == QUIT:
            return None
        if text == "":
            return NO_OP
        if text.isdecimal() and int(text) < len(ACTIONS) and env.action_masks()[int(text)]:
            return int(text)
        print(f"'{plain(text)}' is no legal action: expected a number from the list")

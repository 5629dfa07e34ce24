"""`rlnas play`: designing by hand in the terminal, then the same episode by a trained policy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rlnas.agents.config import SHIPPED, check_seed
from rlnas.agents.option_types import IN_HELP, Option
from rlnas.integers import PlainIntegers

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from rlnas.envs.design_env import DesignEnv

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
    policy: Annotated[Path, IN_HELP] = SHIPPED
    """Run folder of `rlnas train`; by default the policy that comes with rlnas."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Play one episode on the terminal."""
        self.play()

    def play(self, ask: Callable[[str], str] = input) -> list[float]:
        """Play one episode, then show what the policy makes of the same one.

        Args:
            ask: Shows a prompt and returns the answer: the number of an action, nothing for
                "none", or `q` to stop.

        Returns:
            The score at the start and after every step that was taken.

        Raises:
            InputError: The policy, the data set or a value cannot be used.
        """
        from rlnas.agents.policies.environments import env_like
        from rlnas.agents.policies.episode import play_episode
        from rlnas.agents.policies.policy import load_policy
        from rlnas.files.plain_text import plain, plain_console
        from rlnas.plots import describe

        check_seed(self.seed)
        policy = load_policy(self.policy)
        env = env_like(self.policy, self.dataset, self.penalty, self.data_dir, middle=True)
        console = plain_console()
        _, info = env.reset(seed=self.seed)
        scores, over = [info["score"]], False
        console.print(
            f"Data set {plain(env.dataset.name)}, penalty {env.penalty:g}, {env.episode_steps} "
            f"steps. The score is accuracy less {env.penalty:g} for every {env.reference:,} "
            "weights."
        )
        while not over:
            console.print()
            console.print(describe(env.now.network, info | env.words), style="cyan")
            console.print(menu(env.action_masks()))
            action = _answer(env, ask)
            if action is None:
                break
            _, _, over, _, info = env.step(action)
            scores.append(info["score"])
            change = scores[-1] - scores[-2]
            console.print(
                f"step {env.elapsed} of {env.episode_steps}: {env.words['action']}, {change:+.4f}"
            )
        console.print(f"\nyour best score {max(scores):.4f}, the last {scores[-1]:.4f}")
        best, _ = play_episode(env, policy, self.seed)
        console.print(
            f"the policy's best {best.info['score']:.4f} "
            f"({best.info['val_accuracy']:.2%} with {best.info['active_weights']:,} weights)"
        )
        return scores


def menu(mask: "np.ndarray") -> "Table":
    """The legal actions with their numbers, a row for each operation.

    Args:
        mask: bool `[actions]`.
    """
    from rich.table import Table

    from rlnas.envs.actions import ACTIONS, OPERATIONS

    table = Table(box=None, show_header=False)
    for operation in OPERATIONS:
        legal = [number for number in mask.nonzero()[0] if ACTIONS[number].operation == operation]
        if legal:
            names = (str(ACTIONS[number]).removeprefix(operation).strip() for number in legal)
            choices = [f"[{number}] {name}" for number, name in zip(legal, names, strict=True)]
            table.add_row(operation.replace("_", " "), "   ".join(choices), style="default")
    return table


def _answer(env: "DesignEnv", ask: Callable[[str], str]) -> int | None:
    """The action that the player chooses; None to stop. Asks until the answer is legal."""
    from rlnas.envs.actions import ACTIONS, NO_OP
    from rlnas.files.plain_text import plain

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

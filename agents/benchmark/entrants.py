"""The players that a command line can name: rivals, saved policies, functions of one's own."""

import importlib
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import CallablePlayer, Player, View
from rlnas.agents.benchmark.rivals import RIVALS
from rlnas.agents.policies.layouts import FAMILY
from rlnas.agents.policies.policy import layout_of_policy, load_policy
from rlnas.errors import InputError
from rlnas.files.reading import read_bytes

STABLE_BASELINES3, PYTHON = "sb3:", "python:"
"""How the names of policies begin that run code of others."""


def player_named(policy: str, seed: int = 0) -> Player:
    """The player that a text names.

    Args:
        policy: The name of one of `RIVALS`; a folder with a policy that was trained on the family,
            see `rlnas.agents.policies.policy.save_policy`; `sb3:FILE.zip`, a model that
            Stable-Baselines3 or sb3-contrib saved, which may run any code that is in the file; or
            `python:MODULE:NAME`, a function from an observation and a mask to the number of an
            action, or a `Player`, or a class of players that can be made without arguments.
        seed: Seed of what is random about a rival.

    Raises:
        InputError: There is no such player.
    """
    if policy in RIVALS:
        return RIVALS[policy](seed)
    if policy.startswith(STABLE_BASELINES3):
        return sb3_player(policy.removeprefix(STABLE_BASELINES3))
    if policy.startswith(PYTHON):
        return python_player(policy.removeprefix(PYTHON))
    if Path(policy).is_dir():
        return saved_player(policy)
    close = get_close_matches(policy, RIVALS, n=1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    raise InputError(
        f"unknown policy {policy!r}{meant}: expected {', '.join(RIVALS)}, a folder with a policy, "
        "sb3:FILE.zip or python:MODULE:NAME"
    )


def saved_player(folder: str | Path) -> Player:
    """The policy in a folder, which takes its most probable action.

    Raises:
        InputError: There is none, it is damaged, or it was trained in other episodes.
    """
    layout = layout_of_policy(folder)
    if layout != FAMILY:
        raise InputError(
            f"the policy in {folder} was trained in {layout.episodes}: expected one that was "
            f"trained in {FAMILY.episodes}"
        )
    return CallablePlayer(load_policy(folder))


def python_player(where: str) -> Player:
    """What a module has under a name, as a player.

    Args:
        where: `MODULE:NAME`; modules are also searched in the working directory.

    Raises:
        InputError: There is nothing there that can play.
    """
    module, _, name = where.partition(":")
    if not module or not name:
        raise InputError(f"python:{where} names nothing: expected python:MODULE:NAME")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise InputError(f"the module {module!r} cannot be imported: {error}") from error
    except AttributeError as error:
        raise InputError(f"the module {module!r} has no {name!r}") from error
    if isinstance(found, type):
        found = found()
    if hasattr(found, "begin") and hasattr(found, "act"):
        player: Player = found
        return player
    if not callable(found):
        raise InputError(
            f"python:{where} is a {type(found).__name__}: expected a function of an observation "
            "and a mask, or a player"
        )
    return CallablePlayer(found)


def sb3_player(path: str | Path) -> Player:
    """The policy in a file of Stable-Baselines3 or sb3-contrib, of whatever algorithm.

    Args:
        path: Path of the file; reading it may run any code that is in it.

    Raises:
        InputError: The file holds no model, or one for other observations or actions.
    """
    from stable_baselines3.common.save_util import load_from_zip_file

    read_bytes(path)  # says why it cannot be read
    try:
        data, parameters, _ = load_from_zip_file(path, device="cpu")
        assert data is not None
        kind, arguments = data["policy_class"], data["policy_kwargs"]
        spaces = data["observation_space"], data["action_space"]
        weights = parameters["policy"]
    except (ValueError, KeyError, AssertionError, BadZipFile) as error:
        raise InputError(f"{path} holds no model of Stable-Baselines3: {error}") from error
    shape, n_actions = (len(FAMILY.observations),), len(FAMILY.actions)
    if spaces[0].shape != shape or getattr(spaces[1], "n", None) != n_actions:
        raise InputError(
            f"the model in {path} sees {spaces[0]} and does {spaces[1]}: expected one that was "
            f"trained on the family, Box{shape} and Discrete({n_actions})"
        )
    policy = kind(*spaces, lambda _: 0.0, **arguments)
    policy.load_state_dict(weights)
    policy.set_training_mode(False)
    return Sb3Player(policy)


class Sb3Player:
    """A policy of Stable-Baselines3 or sb3-contrib, which takes its most probable action.

    Args:
        policy: The policy; one that can be masked takes legal actions only.
    """

    def __init__(self, policy: Any):
        from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy

        self.policy = policy
        self.maskable = isinstance(policy, MaskableActorCriticPolicy)

    def begin(self, n: int) -> None:
        """Forget the state of a recurrent policy."""
        self._state: Any = None
        self._first = np.ones(n, bool)

    def act(self, view: View) -> NDArray[np.int64]:
        """The most probable action in each episode."""
        if self.maskable:
            masks = view.masks.copy()
            masks[~view.running, 0] = True  # a distribution needs one
            actions, _ = self.policy.predict(
                view.observations, deterministic=True, action_masks=masks
            )
        else:
            actions, self._state = self.policy.predict(
                view.observations,
                state=self._state,
                episode_start=self._first,
                deterministic=True,
            )
            self._first = np.zeros_like(self._first)
        found: NDArray[np.int64] = np.asarray(actions, np.int64)
        return found

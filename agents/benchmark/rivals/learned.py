"""Rivals that learn: PPO that sees everything, PPO that is blind, PPO with a memory.

Training is a number of rounds. Each has its own environments and generators, seeded by the seed and
the round, so that a training that was interrupted between two of them ends with the same bits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from threadpoolctl import threadpool_limits

from rlnas.agents.benchmark.protocol import Protocol
from rlnas.agents.learning.learner import ArrayMaskablePPO
from rlnas.agents.policies.layouts import FAMILY
from rlnas.agents.policies.policy import save_policy
from rlnas.envs.family.dynamics import EPISODE_STEPS, FAMILY_OBSERVATION_NAMES
from rlnas.envs.sb3_vec_env import FamilyVecEnv
from rlnas.errors import InputError
from rlnas.family.family_file import Family
from rlnas.files.atomic import replace_file
from rlnas.progress import progress
from rlnas.validation import check_choice, whole

Kind = Literal["seeing", "blind", "recurrent"]
"""MaskablePPO; the same that sees penalty, budget and the number of steps alone; RecurrentPPO,
which has no masks and learns that illegal actions cost an edit."""

KINDS: tuple[Kind, ...] = get_args(Kind)

ROUNDS = 20

SEEN_BY_THE_BLIND = ("penalty", "budget", "steps")

_UNSEEN = [name not in SEEN_BY_THE_BLIND for name in FAMILY_OBSERVATION_NAMES]
_NUM_ENVS = 64
_LEARNING_RATE = 1e-3
_NET_ARCH = [128, 128]
_SETTINGS: dict[Kind, dict[str, Any]] = {
    "seeing": {"n_steps": 128, "batch_size": 1024, "n_epochs": 4},
    "blind": {"n_steps": 128, "batch_size": 1024, "n_epochs": 4},
    "recurrent": {"n_steps": EPISODE_STEPS, "batch_size": 1024, "n_epochs": 4},
}


class BlindVecEnv(FamilyVecEnv):
    """Environments whose observations are 0 but for what the blind see."""

    def reset(self) -> np.ndarray:
        """Start an episode everywhere."""
        return _blinded(super().reset())

    def step_wait(self) -> Any:
        """Carry out the step."""
        observations: Any
        observations, rewards, over, infos = super().step_wait()
        for place in np.flatnonzero(over).tolist():
            infos[place]["terminal_observation"] = _blinded(infos[place]["terminal_observation"])
        return _blinded(observations), rewards, over, infos


def _blinded(observations: np.ndarray) -> np.ndarray:
    return np.where(_UNSEEN, np.float32(0), observations)


def train_rival(
    family: Family,
    kind: Kind,
    out: str | Path,
    steps: int,
    seed: int = 0,
    protocol: Protocol | None = None,
    progress_bar: bool = True,
) -> None:
    """Train a policy on the training tasks.

    Penalties and budgets are drawn between the least and the largest of the protocol. It uses one
    processor.

    Args:
        family: The tables.
        kind: What learns.
        out: Folder for the policy, which holds plain data; or, if it ends in `.zip`, file that
            Stable-Baselines3 saves the model in, as it must be for RecurrentPPO. `.part` is added
            for what is kept of an unfinished training, which the same call continues.
        steps: Number of steps; rounded up to whole rollouts of each round.
        seed: Seed of everything random.
        protocol: The penalties and budgets; by default those of the benchmark.
        progress_bar: Whether to show a progress bar.

    Raises:
        InputError: A value cannot be used, or an unfinished training in the file is another one.
    """
    check_choice("kind", kind, KINDS)
    steps, seed = whole("steps", steps, 1), whole("seed", seed, 0)
    protocol, out = protocol or Protocol("train"), Path(out)
    if out.suffix not in ("", ".zip"):
        raise InputError(
            f"{out} is no name for a policy: expected a folder, or a file that ends in .zip"
        )
    if kind == "recurrent" and out.suffix != ".zip":
        raise InputError(f"a recurrent policy is kept in a file that ends in .zip, not in {out}")
    part = out.with_name(f"{out.name}.part")
    what = {
        "kind": kind,
        "steps": steps,
        "seed": seed,
        "penalties": list(protocol.penalties),
        "budgets": list(protocol.budgets),
        "tasks": [task.name for task in family.tasks],
    }
    state = _read(part, what) if part.exists() else None
    first = 0 if state is None else state["rounds"]
    with one_thread(), progress(progress_bar, total=ROUNDS, initial=first, unit="rounds") as bar:
        for number in range(first, ROUNDS):
            model = _model(family, kind, protocol, seed, number)
            if state is not None:
                model.policy.load_state_dict(state["policy"])
                model.policy.optimizer.load_state_dict(state["optimizer"])
                for group in model.policy.optimizer.param_groups:
                    group["lr"] = _rate(number)
            model.learn(max(1, steps // ROUNDS))
            state = {
                "policy": model.policy.state_dict(),
                "optimizer": model.policy.optimizer.state_dict(),
                "rounds": number + 1,
                "what": what,
            }
            replace_file(part, _bytes(partial(torch.save, state)))
            bar.update()
        if first == ROUNDS:
            model = _model(family, kind, protocol, seed, ROUNDS - 1)
            assert state is not None
            model.policy.load_state_dict(state["policy"])
        if kind == "blind":
            _forget_unseen(model)
        if out.suffix == ".zip":
            replace_file(out, _bytes(model.save))
        else:
            save_policy(out, model.policy, "maskable_ppo", _NET_ARCH, "flat", FAMILY)
    part.unlink()


def _rate(number: int) -> float:
    """Learning rate of a round: it falls linearly."""
    return _LEARNING_RATE * (1 - number / ROUNDS)


def _model(
    family: Family, kind: Kind, protocol: Protocol, seed: int, number: int
) -> OnPolicyAlgorithm:
    """A model for a round, with new weights."""
    own = int(np.random.SeedSequence((seed, number)).generate_state(1)[0] >> 1)
    env = (BlindVecEnv if kind == "blind" else FamilyVecEnv)(
        _NUM_ENVS,
        family=family,
        split=protocol.split,
        penalty=(min(protocol.penalties), max(protocol.penalties)),
        budget=(min(protocol.budgets), max(protocol.budgets)),
    )
    env.seed(own)
    settings: dict[str, Any] = {
        **_SETTINGS[kind],
        "learning_rate": _rate(number),
        "gamma": 1.0,
        "gae_lambda": 0.95,
        "ent_coef": 0.003,
        "seed": own,
        "device": "cpu",
    }
    if kind == "recurrent":
        shape: dict[str, Any] = {"net_arch": [64], "lstm_hidden_size": 64}
        return RecurrentPPO("MlpLstmPolicy", env, policy_kwargs=shape, **settings)
    return ArrayMaskablePPO("MlpPolicy", env, policy_kwargs={"net_arch": _NET_ARCH}, **settings)


def _forget_unseen(model: OnPolicyAlgorithm) -> None:
    """Let a policy that was trained with zeros ignore these entries of whole observations."""
    extractor: Any = model.policy.mlp_extractor
    with torch.no_grad():
        for net in (extractor.policy_net, extractor.value_net):
            net[0].weight[:, torch.tensor(_UNSEEN)] = 0


def _bytes(write: Callable[[BytesIO], object]) -> bytes:
    """What is written into a stream."""
    stream = BytesIO()
    write(stream)
    return stream.getvalue()


def _read(part: Path, what: dict[str, Any]) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(part, weights_only=True)
        same = state["what"] == what
    except Exception as error:  # PyTorch raises many kinds
        raise InputError(f"{part} is damaged: delete it to begin anew") from error
    if not same:
        raise InputError(f"{part} is of another training: delete it to begin anew")
    return state


@contextmanager
def one_thread() -> Iterator[None]:
    """The products are small: threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)

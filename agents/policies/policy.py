"""A trained policy on disk: weights as safetensors, everything else as JSON; nothing is pickled.

A run folder holds `policy.safetensors` and `policy.json`; Stable-Baselines3's own `policy.zip`
beside them is an export that rlnas never reads. A fixed sequence of edits is a policy too, in
`policy.json` alone.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy

from rlnas.agents.config import SHIPPED, plausible_net_arch
from rlnas.agents.policies.feature_extractors import EXTRACTORS, policy_arguments
from rlnas.envs.actions import ACTIONS, NO_OP
from rlnas.envs.observations import OBSERVATION_NAMES
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import read_json, write_json
from rlnas.files.reading import read_bytes

FORMAT = "rlnas-policy-1"
OPEN_LOOP = "open_loop"
Policy = Callable[[np.ndarray, np.ndarray], int]
"""Takes an observation and the mask of legal actions, returns the number of an action."""

POLICY_CLASSES = {"ppo": ActorCriticPolicy, "maskable_ppo": MaskableActorCriticPolicy}


_PROGRESS = OBSERVATION_NAMES.index("progress")


def layout() -> dict[str, list[str]]:
    """The names of the observations and actions, on which policy and environment must agree."""
    return {
        "observations": list(OBSERVATION_NAMES),
        "actions": [str(action) for action in ACTIONS],
    }


def save_policy(
    folder: str | Path,
    policy: ActorCriticPolicy,
    algorithm: str,
    net_arch: list[int],
    features: str,
) -> None:
    """Write `policy.safetensors`, with what is needed to build the policy in `policy.json`.

    Args:
        folder: folder to write to.
        policy: an SB3 policy of the class that `POLICY_CLASSES` names.
        algorithm: a key of `POLICY_CLASSES`.
        net_arch: units in the hidden layers of the policy and of the value network.
        features: a key of `rlnas.agents.policies.feature_extractors.EXTRACTORS`.
    """
    from safetensors.torch import save

    # A shared encoder is there under three names, which safetensors would refuse.
    tensors = {name: value.clone() for name, value in policy.state_dict().items()}
    replace_file(Path(folder) / "policy.safetensors", save(tensors))
    choices = {"algorithm": algorithm, "net_arch": net_arch, "features": features}
    record = {"format": FORMAT, **choices, **layout()}
    write_json(Path(folder) / "policy.json", record)


def save_edit_sequence(folder: str | Path, actions: Sequence[int]) -> None:
    """Write `policy.json` of an open-loop policy.

    Args:
        folder: folder to write to.
        actions: numbers of the actions of an episode.
    """
    names = [str(ACTIONS[action]) for action in actions]
    record = {"format": FORMAT, "algorithm": OPEN_LOOP, "edits": names, **layout()}
    write_json(Path(folder) / "policy.json", record)


class EditSequence:
    """A policy that plays a fixed sequence of edits and reads only the progress of the episode.

    Args:
        actions: numbers of the actions of an episode; an episode of another length is divided into
            as many parts.
    """

    def __init__(self, actions: Sequence[int]):
        self.actions = tuple(actions)

    def __call__(self, observation: np.ndarray, mask: np.ndarray) -> int:
        """The next action of the sequence, or no edit if it is illegal."""
        place = int(float(observation[_PROGRESS]) * len(self.actions) + 1e-4)
        action = self.actions[place]
        return action if mask[action] else NO_OP


class TrainedPolicy:
    """A trained policy network.

    Args:
        policy: an SB3 policy.
        masked: whether it takes action masks.
        deterministic: take the most probable action instead of drawing one.
    """

    def __init__(self, policy: ActorCriticPolicy, masked: bool, deterministic: bool = True):
        self.policy = policy
        self.masked = masked
        self.deterministic = deterministic

    def __call__(self, observation: np.ndarray, mask: np.ndarray) -> int:
        """The action to take."""
        masks: dict[str, Any] = {"action_masks": mask} if self.masked else {}
        action, _ = self.policy.predict(observation, deterministic=self.deterministic, **masks)
        return int(action)


def load_policy(folder: str | Path = SHIPPED, deterministic: bool = True) -> Policy:
    """Read what `save_policy` or `save_edit_sequence` wrote.

    Args:
        folder: a run folder; by default that of the policy that comes with rlnas.
        deterministic: take the most probable action instead of drawing one.

    Raises:
        InputError: there is no policy, a file is damaged, or the policy was trained for other
            observations or actions than this version has.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    folder = Path(folder)
    if not (folder / "policy.json").is_file():
        raise InputError(f"{folder} holds no policy: expected a run folder of `rlnas train`")
    record: Any = read_json(folder / "policy.json")
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"{folder / 'policy.json'} is not a policy of this version of rlnas")
    for key, ours in layout().items():
        if record.get(key) != ours:
            raise InputError(
                f"the policy in {folder} was trained for other {key} than this version of rlnas "
                "has: train it again, or use the version it was trained with"
            )
    if record.get("algorithm") == OPEN_LOOP:
        return _load_edit_sequence(folder, record.get("edits"))
    choices: list[Any] = [record.get(key) for key in ("algorithm", "net_arch", "features")]
    algorithm, net_arch, features = choices
    known = algorithm in list(POLICY_CLASSES) and features in list(EXTRACTORS)
    if not (known and isinstance(net_arch, list) and plausible_net_arch(net_arch)):
        raise InputError(f"{folder / 'policy.json'} is damaged: unknown algorithm or network")
    policy = POLICY_CLASSES[algorithm](
        spaces.Box(-1, 1, (len(OBSERVATION_NAMES),), np.float32),
        spaces.Discrete(len(ACTIONS)),
        lr_schedule=lambda _: 0.0,
        **policy_arguments(net_arch, features),
    )
    try:
        tensors = load(read_bytes(folder / "policy.safetensors"))
        policy.load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder / 'policy.safetensors'} is damaged: {reason}") from error
    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise InputError(f"{folder / 'policy.safetensors'} is damaged: not all weights are finite")
    policy.set_training_mode(False)
    return TrainedPolicy(policy, algorithm == "maskable_ppo", deterministic)


def check_start(folder: str | Path, algorithm: str, net_arch: list[int], features: str) -> None:
    """Raise `InputError` unless a folder holds a policy that `start_from` can take.

    Args:
        folder: run folder of the trained policy.
        algorithm: algorithm of the policy to be trained, as for `save_policy`.
        net_arch: its hidden layers.
        features: its feature extractor.
    """
    load_policy(folder)
    record = read_json(Path(folder) / "policy.json")
    ours = {"algorithm": algorithm, "net_arch": net_arch, "features": features}
    theirs = {key: record.get(key) for key in ours}
    if ours != theirs:
        raise InputError(f"cannot go on from {folder}: it has {theirs}, this training {ours}")


def start_from(folder: str | Path, policy: ActorCriticPolicy) -> None:
    """Copy the weights of a trained policy, which `check_start` has accepted, to a new one."""
    trained = load_policy(folder)
    assert isinstance(trained, TrainedPolicy)
    policy.load_state_dict(trained.policy.state_dict())


def fingerprint(folder: str | Path) -> str:
    """SHA-256 of a policy's files, in hexadecimal.

    Raises:
        InputError: there is no policy.
    """
    load_policy(folder)
    found = sha256(read_bytes(Path(folder) / "policy.json"))
    weights = Path(folder) / "policy.safetensors"
    if weights.is_file():
        found.update(read_bytes(weights))
    return found.hexdigest()


def _load_edit_sequence(folder: Path, names: Any) -> EditSequence:
    numbers = {str(action): number for number, action in enumerate(ACTIONS)}
    if not (isinstance(names, list) and names and all(name in list(numbers) for name in names)):
        raise InputError(f"{folder / 'policy.json'} is damaged: no sequence of known actions")
    return EditSequence([numbers[name] for name in names])

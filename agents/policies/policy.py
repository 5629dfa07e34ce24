"""A trained policy on disk: weights as safetensors, everything else as JSON; nothing is pickled.

A run folder holds `policy.safetensors` and `policy.json`; Stable-Baselines3's own `policy.zip`
beside them is an export that rlnas never reads. A fixed sequence of edits is a policy too, in
`policy.json` alone.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlnas.agents.config import SHIPPED, plausible_net_arch
from rlnas.agents.policies.features import FEATURES
from rlnas.agents.policies.network import PolicyNetwork, check_tensors, policy_network
from rlnas.envs.actions import ACTIONS, NO_OP
from rlnas.envs.observations import OBSERVATION_NAMES
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import read_json, write_json
from rlnas.files.reading import read_bytes
from rlnas.files.typed import Damaged

if TYPE_CHECKING:  # it imports PyTorch, which takes a second, and acting does without
    from stable_baselines3.common.policies import ActorCriticPolicy

FORMAT = "rlnas-policy-1"
MASKED, OPEN_LOOP = "maskable_ppo", "open_loop"
ALGORITHMS = (MASKED, "ppo")
"""Algorithms that train a network."""

Policy = Callable[[np.ndarray, np.ndarray], int]
"""Takes an observation and the mask of legal actions, returns the number of an action."""

_ILLEGAL = np.float32(-1e8)
"""What sb3-contrib replaces the logits of illegal actions by."""

_PROGRESS = OBSERVATION_NAMES.index("progress")


def layout() -> dict[str, list[str]]:
    """The names of the observations and actions, on which policy and environment must agree."""
    return {
        "observations": list(OBSERVATION_NAMES),
        "actions": [str(action) for action in ACTIONS],
    }


def save_policy(
    folder: str | Path,
    policy: "ActorCriticPolicy",
    algorithm: str,
    net_arch: list[int],
    features: str,
) -> None:
    """Write `policy.safetensors`, with what is needed to build the policy in `policy.json`.

    Args:
        folder: folder to write to.
        policy: the policy of a model of Stable-Baselines3 or sb3-contrib, on the processor.
        algorithm: one of `ALGORITHMS`.
        net_arch: units in the hidden layers of the policy and of the value network.
        features: one of `rlnas.agents.policies.features.FEATURES`.
    """
    from safetensors.numpy import save

    tensors = {name: value.contiguous().numpy() for name, value in policy.state_dict().items()}
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
        network: the network.
        masked: whether illegal actions are never taken.
        rng: generator to draw actions with; by default the most probable action is taken.
    """

    def __init__(
        self, network: PolicyNetwork, masked: bool, rng: np.random.Generator | None = None
    ):
        self.network = network
        self.masked = masked
        self.rng = rng

    def __call__(self, observation: np.ndarray, mask: np.ndarray) -> int:
        """The action to take."""
        logits = self.network.logits(observation)
        if self.masked:
            logits = np.where(mask, logits, _ILLEGAL)
        if self.rng is not None:  # the largest after this noise is a draw from the softmax
            logits = logits + self.rng.gumbel(size=logits.size)
        return int(logits.argmax())


def load_policy(folder: str | Path = SHIPPED, rng: np.random.Generator | None = None) -> Policy:
    """Read what `save_policy` or `save_edit_sequence` wrote.

    Args:
        folder: a run folder; by default that of the policy that comes with rlnas.
        rng: generator to draw actions with, by their probabilities; by default the most probable
            action is taken. A sequence of edits draws nothing.

    Raises:
        InputError: there is no policy, a file is damaged, or the policy was trained for other
            observations or actions than this version has.
    """
    folder = Path(folder)
    record = _read_record(folder)
    if record.get("algorithm") == OPEN_LOOP:
        return _load_edit_sequence(folder, record.get("edits"))
    tensors = _read_weights(folder, record)
    network = policy_network(tensors, record["net_arch"], record["features"])
    return TrainedPolicy(network, record["algorithm"] == MASKED, rng)


def read_weights(folder: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a trained policy, by their names in Stable-Baselines3.

    Raises:
        InputError: as for `load_policy`, or the policy is a sequence of edits.
    """
    return _read_weights(Path(folder), _read_record(Path(folder)))


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


def _read_record(folder: Path) -> dict[str, Any]:
    """`policy.json`, which is of this version and for the same observations and actions."""
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
    return record


def _read_weights(folder: Path, record: dict[str, Any]) -> dict[str, np.ndarray]:
    """The tensors of the network that `policy.json` describes."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    choices: list[Any] = [record.get(key) for key in ("algorithm", "net_arch", "features")]
    algorithm, net_arch, features = choices
    known = algorithm in ALGORITHMS and features in FEATURES
    if not (known and isinstance(net_arch, list) and plausible_net_arch(net_arch)):
        raise InputError(f"{folder / 'policy.json'} is damaged: unknown algorithm or network")
    path = folder / "policy.safetensors"
    content = read_bytes(path)
    try:
        tensors = load(content)
        check_tensors(tensors, net_arch, features)
    except KeyError as error:
        raise InputError(f"{path} is damaged: expected float32, found {error}") from error
    except (SafetensorError, Damaged) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    return tensors


def _load_edit_sequence(folder: Path, names: Any) -> EditSequence:
    numbers = {str(action): number for number, action in enumerate(ACTIONS)}
    if not (isinstance(names, list) and names and all(name in list(numbers) for name in names)):
        raise InputError(f"{folder / 'policy.json'} is damaged: no sequence of known actions")
    return EditSequence([numbers[name] for name in names])

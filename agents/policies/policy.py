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
from rlnas.agents.policies.features import features_of
from rlnas.agents.policies.layouts import LAYOUTS, STEPS, Layout, layout_of
from rlnas.agents.policies.network import PolicyNetwork, check_tensors, policy_network
from rlnas.agents.policies.run_folder import why_no_policy
from rlnas.envs.actions import NO_OP
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


def save_policy(
    folder: str | Path,
    policy: "ActorCriticPolicy",
    algorithm: str,
    net_arch: list[int],
    features: str,
    layout: Layout | None = None,
) -> None:
    """Write `policy.safetensors`, with what is needed to build the policy in `policy.json`.

    Args:
        folder: folder to write to.
        policy: the policy of a model of Stable-Baselines3 or sb3-contrib, on the processor.
        algorithm: one of `ALGORITHMS`.
        net_arch: units in the hidden layers of the policy and of the value network.
        features: one of `rlnas.agents.policies.features.features_of` the layout.
        layout: that of the episodes; by default that of live episodes with such observations.
    """
    from safetensors.numpy import save

    tensors = {name: value.contiguous().numpy() for name, value in policy.state_dict().items()}
    replace_file(Path(folder) / "policy.safetensors", save(tensors))
    choices = {"algorithm": algorithm, "net_arch": net_arch, "features": features}
    layout = layout or layout_of(policy.observation_space)
    record = {"format": FORMAT, **choices, **layout.as_json()}
    write_json(Path(folder) / "policy.json", record)


def save_edit_sequence(folder: str | Path, actions: Sequence[int], layout: Layout = STEPS) -> None:
    """Write `policy.json` of an open-loop policy.

    Args:
        folder: folder to write to.
        actions: numbers of the actions of an episode.
        layout: that of the episodes.
    """
    names = [layout.actions[action] for action in actions]
    record = {"format": FORMAT, "algorithm": OPEN_LOOP, "edits": names, **layout.as_json()}
    write_json(Path(folder) / "policy.json", record)


class EditSequence:
    """A policy that plays a fixed sequence of edits and reads only how many steps are over.

    Args:
        actions: numbers of the actions of an episode; an episode of another length is divided into
            as many parts.
        layout: that of the episodes.
    """

    def __init__(self, actions: Sequence[int], layout: Layout = STEPS):
        self.actions = tuple(actions)
        self.layout = layout
        self._clock = layout.observations.index(layout.clock)

    def __call__(self, observation: np.ndarray, mask: np.ndarray) -> int:
        """The next action of the sequence; if it is illegal, no edit, or with a budget itself.

        Raises:
            InputError: the episode is of another kind.
        """
        check_episode(self.layout, mask)
        place = int(float(observation[self._clock]) * len(self.actions) + 1e-4)
        action = self.actions[place]
        # With a budget it is refused, as it was when the sequence was evolved.
        return NO_OP if self.layout == STEPS and not mask[action] else action


class TrainedPolicy:
    """A trained policy network.

    Args:
        network: the network.
        masked: whether illegal actions are never taken.
        rng: generator to draw actions with; by default the most probable action is taken.
        layout: what the network sees and may do.
    """

    def __init__(
        self,
        network: PolicyNetwork,
        masked: bool,
        rng: np.random.Generator | None = None,
        layout: Layout = STEPS,
    ):
        self.network = network
        self.masked = masked
        self.layout = layout
        self.rng = rng

    def __call__(self, observation: np.ndarray, mask: np.ndarray) -> int:
        """The action to take.

        Raises:
            InputError: the episode is of another kind.
        """
        check_episode(self.layout, mask)
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
    record, layout = _read_record(folder)
    if record.get("algorithm") == OPEN_LOOP:
        return _load_edit_sequence(folder, record.get("edits"), layout)
    tensors = _read_weights(folder, record, layout)
    network = policy_network(tensors, record["net_arch"], record["features"], layout)
    return TrainedPolicy(network, record["algorithm"] == MASKED, rng, layout)


def layout_of_policy(folder: str | Path) -> Layout:
    """The episodes that a policy was trained in.

    Raises:
        InputError: there is no policy, or `policy.json` is damaged or of another version.
    """
    return _read_record(Path(folder))[1]


def check_episode(layout: Layout, mask: np.ndarray) -> None:
    """Raise `InputError` if an episode is not of the kind that a policy was trained in.

    Args:
        layout: that of the policy.
        mask: bool `[actions]`, the legal actions of the episode.
    """
    if mask.size != len(layout.actions):
        raise InputError(
            f"a policy trained in {layout.episodes} cannot act in an episode of another kind: "
            "expected one that was trained in such episodes"
        )


def read_weights(folder: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a trained policy, by their names in Stable-Baselines3.

    Raises:
        InputError: as for `load_policy`, or the policy is a sequence of edits.
    """
    return _read_weights(Path(folder), *_read_record(Path(folder)))


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


def _read_record(folder: Path) -> tuple[dict[str, Any], Layout]:
    """`policy.json`, and which of the observations and actions of this version it is for."""
    if not (folder / "policy.json").is_file():
        raise InputError(why_no_policy(folder))
    record: Any = read_json(folder / "policy.json")
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"{folder / 'policy.json'} is not a policy of this version of rlnas")
    known: tuple[Layout, ...] = LAYOUTS
    for key in ("observations", "actions"):
        known = tuple(each for each in known if each.as_json()[key] == record.get(key))
        if not known:
            raise InputError(
                f"the policy in {folder} was trained for other {key} than this version of rlnas "
                "has: train it again, or use the version it was trained with"
            )
    return record, known[0]


def _read_weights(folder: Path, record: dict[str, Any], layout: Layout) -> dict[str, np.ndarray]:
    """The tensors of the network that `policy.json` describes."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    choices: list[Any] = [record.get(key) for key in ("algorithm", "net_arch", "features")]
    algorithm, net_arch, features = choices
    known = algorithm in ALGORITHMS and features in features_of(layout)
    if not (known and isinstance(net_arch, list) and plausible_net_arch(net_arch)):
        raise InputError(f"{folder / 'policy.json'} is damaged: unknown algorithm or network")
    path = folder / "policy.safetensors"
    content = read_bytes(path)
    try:
        tensors = load(content)
        check_tensors(tensors, net_arch, features, layout)
    except KeyError as error:
        raise InputError(f"{path} is damaged: expected float32, found {error}") from error
    except (SafetensorError, Damaged) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    return tensors


def _load_edit_sequence(folder: Path, names: Any, layout: Layout) -> EditSequence:
    numbers = {action: number for number, action in enumerate(layout.actions)}
    if not (isinstance(names, list) and names and all(name in list(numbers) for name in names)):
        raise InputError(f"{folder / 'policy.json'} is damaged: no sequence of known actions")
    return EditSequence([numbers[name] for name in names], layout)

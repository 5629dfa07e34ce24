"""The global random generators of PyTorch and NumPy, as a part of a training's state."""

from typing import Any

import numpy as np
import torch

from rlnas.agents.training.state import Section, as_array, check_empty, split
from rlnas.files import typed
from rlnas.files.typed import Damaged

_MT_WORDS = 624  # in the state of the Mersenne Twister, in NumPy and in PyTorch


class GeneratorState:
    """The global random generators of PyTorch and NumPy."""

    def state_dict(self) -> Section:
        """Their states."""
        state: Any = np.random.get_state()  # noqa: NPY002  Stable-Baselines3 uses it
        _, words, position, has_gauss, gauss = state
        return {
            "torch": as_array(torch.get_rng_state()),
            "numpy": words,
            "position": position,
            "has_gauss": has_gauss,
            "gauss": gauss,
        }

    def load_state_dict(self, state: Section) -> None:
        """Set both generators."""
        arrays, facts = split(state, "position", "has_gauss", "gauss")
        position, has_gauss, gauss = facts
        words = typed.array(arrays, "numpy", np.uint32, (_MT_WORDS,))
        typed.whole(position, high=_MT_WORDS)  # NumPy would read beyond the words
        typed.whole(has_gauss, high=1)
        typed.number(gauss)
        shape = tuple(torch.get_rng_state().shape)
        content = typed.array(arrays, "torch", np.uint8, shape)
        check_torch_generator(content)
        check_empty(arrays)
        torch.set_rng_state(torch.from_numpy(content))
        np.random.set_state(("MT19937", words, position, has_gauss, gauss))  # noqa: NPY002


def check_torch_generator(content: np.ndarray) -> None:
    """Raise `Damaged` unless PyTorch's generator can have had a state, uint8 `[5056]`.

    After the seed come, of the 624 words, how many are left, and eight bytes further which is the
    next. PyTorch checks each of the two alone, and would read beyond the words.
    """
    generator = torch.Generator()
    try:
        generator.set_state(torch.from_numpy(content))
    except RuntimeError as error:
        raise Damaged(f"PyTorch refuses the state of its generator: {error}") from error
    left, following = int(content[8:12].view(np.int32)[0]), int(content[16:24].view(np.int64)[0])
    seeded = (left, following) == (1, 0)
    if not (seeded or left + following == _MT_WORDS + 1):
        raise Damaged("the place in the state of PyTorch's generator is impossible")
    if not np.array_equal(as_array(generator.get_state()), content):
        raise Damaged("the state of PyTorch's generator is not what it writes itself")

"""Compact neural networks designed by reinforcement learning.

The public interface is what `rlnas.__all__` and `rlnas.agents.__all__` name; names are loaded when
they are first used. Importing `rlnas` registers its environments with Gymnasium.
"""

import lazy_loader

from rlnas.registration import register

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register()

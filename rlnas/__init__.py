"""Compact neural networks designed by reinforcement learning.

Importing `rlnas` registers its environments with Gymnasium, see `rlnas.registration`.
"""

from rlnas.registration import register

__version__ = "0.1.0"

register()

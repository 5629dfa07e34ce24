"""Compact neural networks designed by reinforcement learning.

Importing `rlnas` registers the environments `rlnas/Design-v0`, `rlnas/Digits-v0`,
`rlnas/MNIST-v0` and `rlnas/FashionMNIST-v0` with Gymnasium.
"""

from rlnas.registration import register

__version__ = "0.1.0"

register()

"""The environment ids. Entry points are strings: registering imports no environment."""

import gymnasium as gym

_DESIGN = "rlnas.envs.design_env:DesignEnv"


def register() -> None:
    """Register every environment with Gymnasium."""
    gym.register("rlnas/Design-v0", entry_point=_DESIGN)
    for name, dataset in (
        ("Digits", "digits"),
        ("MNIST", "mnist"),
        ("FashionMNIST", "fashion_mnist"),
    ):
        gym.register(f"rlnas/{name}-v0", entry_point=_DESIGN, kwargs={"dataset": dataset})

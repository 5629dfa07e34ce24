"""Watch a training with a callback of your own, which also ends it when designs get no better.

    python examples/train_with_a_callback.py

Takes about a minute. Every callback of Stable-Baselines3 works alike, such as `WandbCallback` of
Weights & Biases: `train(config, callbacks=[WandbCallback()])`.
"""

from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents import TrainConfig, train


class StopWhenFlat(BaseCallback):
    """Log the best final score of each rollout; end the training if it has not risen for a while.

    Args:
        patience: number of rollouts without a rise after which the training ends.
    """

    def __init__(self, patience: int):
        super().__init__()
        self.patience = patience
        self.scores: list[float] = []
        self.bests: list[float] = []  # of each rollout

    def _on_step(self) -> bool:
        over = zip(self.locals["infos"], self.locals["dones"], strict=True)
        self.scores += [info["score"] for info, done in over if done]
        since = len(self.bests) - 1 - int(np.argmax(self.bests)) if self.bests else 0
        return since < self.patience  # False ends the training

    def _on_rollout_end(self) -> None:
        if self.scores:
            self.bests.append(max(self.scores))
            self.logger.record("mine/best_final_score", self.bests[-1])
            self.scores.clear()


def main(
    run: Path = Path("runs/until_flat"), total_timesteps: int = 30_000, patience: int = 5
) -> StopWhenFlat:
    """Train, and print how long it took.

    Args:
        run: New folder for the training.
        total_timesteps: Environment steps of the training, if nothing ends it before.
        patience: See `StopWhenFlat`.
    """
    flat = StopWhenFlat(patience)
    train(TrainConfig(total_timesteps=total_timesteps, run_dir=run), callbacks=[flat])
    print(f"{flat.num_timesteps:,} steps, best final score {max(flat.bests):.4f}")
    return flat


if __name__ == "__main__":
    main()

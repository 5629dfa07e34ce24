"""Train a design policy on many small tasks, then let it design a network for data of another kind.

    python examples/train_a_policy.py

Takes about two minutes. Watch the training with `tensorboard --logdir runs`.
"""

from pathlib import Path

from rlnas.agents import Designed, TrainConfig, design, train


def main(run: Path = Path("runs/example"), total_timesteps: int = 20_000) -> Designed:
    """Train, design, and print what was designed.

    Args:
        run: New folder for the training and the design.
        total_timesteps: Environment steps of the training.
    """
    train(TrainConfig(dataset=("mixed",), total_timesteps=total_timesteps, run_dir=run))
    designed = design(run, dataset="digits", out=run / "design")
    network = designed.network
    print(f"layers {network.layer_sizes}, {network.active_weights:,} active weights")
    print(f"test accuracy {designed.record['test_accuracy']:.1%}")
    return designed


if __name__ == "__main__":
    main()

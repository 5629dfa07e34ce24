"""The final training of a designed network."""

from typing import Any

import numpy as np

from rlnas.agents.designing.evaluation import evaluation_metrics
from rlnas.data.datasets import Dataset
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import final_training
from rlnas.progress import progress
from rlnas.validation import whole

FINAL_EPOCHS = 20
"""Number of passes of the final training over the training and validation samples."""


def finish(
    network: SparseNetwork,
    data: Dataset,
    seed: int,
    progress_bar: bool = False,
    epochs: int = FINAL_EPOCHS,
) -> None:
    """Train a network in place on training and validation samples.

    Args:
        network: A designed network; training starts at its weights.
        data: The data set; its test samples are not read.
        seed: Seed of the order of the samples.
        progress_bar: Show progress.
        epochs: Number of passes over the samples.
    """
    epochs, seed = whole("epochs", epochs), whole("seed", seed)
    with progress(progress_bar, total=epochs, unit="epoch", desc="final training") as bar:
        for result in final_training(network, data, epochs, np.random.default_rng(seed)):
            bar.set_postfix_str(f"loss {result.loss:.4f}", refresh=False)
            bar.update()


def train_and_test(
    network: SparseNetwork, data: Dataset, seed: int, epochs: int = FINAL_EPOCHS
) -> dict[str, Any]:
    """Train a network in place as `finish` does, then test it once.

    Returns:
        The metrics of `rlnas.agents.designing.evaluation.evaluation_metrics` on the test samples.
    """
    finish(network, data, seed, epochs=epochs)
    return evaluation_metrics(network, data, data.test)

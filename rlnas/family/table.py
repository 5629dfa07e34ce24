"""`TaskTable`: results of every architecture on one task, for several seeds and lengths."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rlnas.cost import evaluation_cost, size_of_architecture, training_cost
from rlnas.family.space import ARCHITECTURES, LENGTHS
from rlnas.family.tasks import Task
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS
from rlnas.read_only import ReadOnlyArrays
from rlnas.scoring import reference_weights, score

METRIC_STEP = 1e-3
"""What metrics are measured to."""

LOSS_STEP = 1e-2
"""What natural logarithms of losses are measured to."""


@dataclass(frozen=True, eq=False)
class TaskTable(ReadOnlyArrays):
    """Measured results of every architecture of the space on a task.

    A seed decides which samples are for training, validation and the test (unless the data have a
    test set), which connections exist, their first weights and the order of the samples.

    Attributes:
        task: The task.
        fingerprint: SHA-256 of the samples and their split with seed 0, in hexadecimal.
        n_inputs: Number of features.
        n_outputs: Number of classes, or of numbers to predict.
        n_train: Number of training samples.
        n_validation: Number of validation samples.
        n_test: Number of test samples.
        nothing: Validation and test metric of a prediction that reads no feature, float32 `[2]`.
        val_metric: Validation metrics, from 0 to 1, float32 `[seeds, architectures, lengths]`.
        test_metric: Test metrics, likewise.
        val_loss: Validation losses, likewise.
        train_loss: Losses over the batches since the length before, likewise.
        test_loss: Test losses, geometric means over the seeds, float32 `[architectures, lengths]`.
        weights: Numbers of active weights, means over the seeds, int32 `[architectures]`.
        flash: Bytes of `c-int8` code, likewise.
    """

    task: Task
    fingerprint: str
    n_inputs: int
    n_outputs: int
    n_train: int
    n_validation: int
    n_test: int
    nothing: NDArray[np.float32]
    val_metric: NDArray[np.float32]
    test_metric: NDArray[np.float32]
    val_loss: NDArray[np.float32]
    train_loss: NDArray[np.float32]
    test_loss: NDArray[np.float32]
    weights: NDArray[np.int32]
    flash: NDArray[np.int32]

    @property
    def n_seeds(self) -> int:
        """How often every architecture was trained."""
        return len(self.val_metric)

    @property
    def reference(self) -> int:
        """Number of weights whose price is the penalty, see `rlnas.scoring.reference_weights`."""
        return reference_weights(self.n_inputs, self.n_outputs)

    @cached_property
    def cost(self) -> NDArray[np.float64]:
        """Multiply-adds of a training to each length, float64 `[architectures, lengths]`.

        The network is evaluated on the validation samples at that length and at those before.
        """
        sizes = [
            size_of_architecture(each, self.n_inputs, self.n_outputs) for each in ARCHITECTURES
        ]
        batch = DEFAULT_HYPERPARAMETERS.batch_size_for(self.n_train)
        found = [
            [
                training_cost(size, length, batch)
                + (at + 1) * evaluation_cost(size, self.n_validation)
                for at, length in enumerate(LENGTHS)
            ]
            for size in sizes
        ]
        return np.array(found, np.float64)

    def judged(self, seed: int, penalty: float) -> NDArray[np.float64]:
        """Test scores, means over all seeds but one, float64 `[architectures, lengths]`.

        Args:
            seed: The seed that decisions are based on, from 0.
            penalty: Price of the reference number of weights.
        """
        others = np.arange(self.n_seeds) != seed
        metrics = self.test_metric[others].mean(axis=0, dtype=np.float64)
        return score(metrics, self.weights[:, None].astype(float), penalty, self.reference)

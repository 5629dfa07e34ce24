"""Cheap estimates of the metric (the accuracy, R²) that a network would reach in full training.

Costs are in training batches: one forward and one backward pass over a batch. A forward pass alone
counts as a third of that, since the backward pass computes two products for each product of the
forward pass. The networks given are never changed; estimates that need training train a copy.
"""

import numpy as np
from numpy.typing import ArrayLike

from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.running import check_fit, sample_gradients
from rlnas.nn.scipy_forward import forward, layer_matrices
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Hyperparameters,
    evaluate,
    train,
)
from rlnas.validation import whole

_INHERITED = [[VALUE], [EMA]]
_EIGENVALUE_FLOOR = 1e-5


# --- training for a few batches ---


def metric_after(
    network: SparseNetwork,
    dataset: Dataset,
    order: np.ndarray,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
) -> float:
    """Metric of the averaged weights on validation samples after a few batches.

    Early stopping as an estimate, as in Zoph & Le 2017 and EcoNAS (Zhou et al. 2020). At a constant
    learning rate, the exponentially averaged weights are better than the last ones.

    Cost: `len(order)` batches, and a forward pass over the validation samples.

    Args:
        network: The network that training starts from; for weight inheritance, the result of
            `inherit`.
        dataset: The data set; its test samples are not read.
        order: int32 `[batches, batch]`, the samples of each batch, at least one batch.
        hyperparameters: Settings of the optimiser.

    Raises:
        InputError: there is no batch, or the network does not fit the data set.
    """
    trained = network.copy()
    train(trained, dataset, order, hyperparameters)
    return evaluate(trained, dataset, dataset.validation).metric


def training_losses(network: SparseNetwork, dataset: Dataset, order: np.ndarray) -> np.ndarray:
    """float64 `[batches]`: mean loss of each batch in training, before its own step.

    Cost: `len(order)` batches.

    Args:
        network: The network that training starts from.
        dataset: The data set that the samples are rows of.
        order: int32 `[batches, batch]`, the samples of each batch.

    Raises:
        InputError: the network does not fit the data set.
    """
    trained = network.copy()
    return np.array([train(trained, dataset, batch[None]).loss for batch in order])


def sum_of_losses(losses: ArrayLike, last: int | None = None) -> np.ndarray:
    """Sum of training losses (SoTL): a lower sum predicts a better network.

    Ru et al. 2021 ("Speedy Performance Estimation for NAS"), the estimator TSE, and TSE-E if
    only the last part is summed.

    Cost: the batches; nothing beyond the training that they were part of.

    Args:
        losses: float `[..., batches]`, one or more curves of the training loss.
        last: Number of last batches to sum; all if None.

    Returns:
        float64 `[...]`.

    Raises:
        InputError: `last` is not from 1 to the number of batches.
    """
    curve = np.asarray(losses, np.float64)
    batches = curve.shape[-1]
    last = batches if last is None else whole("number of last losses", last, 1, batches)
    sums: np.ndarray = curve[..., batches - last :].sum(axis=-1)
    return sums


def sum_of_training_losses(
    network: SparseNetwork, dataset: Dataset, order: np.ndarray, last: int | None = None
) -> float:
    """`sum_of_losses` of the `training_losses` of a network; arguments and errors are theirs."""
    return float(sum_of_losses(training_losses(network, dataset, order), last))


# --- learning-curve extrapolation ---


def extrapolate(epochs: ArrayLike, accuracies: ArrayLike, target: float) -> np.ndarray:
    """Extrapolate accuracies to a later epoch, by a power law through the last two points.

    The error is assumed to be `b * t ** -c`, a straight line in logarithms. Only the last two
    points are used, since small networks stay at chance for a while before their error falls: on
    the digits table, this ranks architectures better than a least-squares fit of `a + b * t ** -c`
    to all points (pow3 of Domhan et al. 2015), and its error is smaller. If the error did not
    fall between the two points, or there is only one point, the result is the last accuracy.

    Cost: training for `epochs[-1]`, and two forward passes over the validation samples.

    Args:
        epochs: float `[points]`, numbers of epochs (or batches), ascending, above 0.
        accuracies: float `[..., points]`, accuracies in [0, 1] after these epochs.
        target: Number of epochs to predict for, not below the last of `epochs`.

    Returns:
        float64 `[...]`, in [0, 1].

    Raises:
        InputError: a value is out of range or the shapes disagree.
    """
    times, known = np.asarray(epochs, np.float64), np.asarray(accuracies, np.float64)
    if times.ndim != 1 or times.size == 0 or known.shape[-1:] != times.shape:
        raise InputError(
            f"epochs {times.shape} and accuracies {known.shape} do not agree: expected [points] "
            "and [..., points], at least one"
        )
    if not (times[0] > 0 and (np.diff(times) > 0).all() and times[-1] <= target < np.inf):
        raise InputError(
            f"epochs {times.tolist()} cannot be extrapolated to {target}: expected ascending "
            "numbers above 0, none after the target"
        )
    if not ((known >= 0) & (known <= 1)).all():
        raise InputError("accuracies are out of range: expected 0 to 1")
    last = known[..., -1]
    if times.size == 1:
        return last.copy()
    before, now = 1 - known[..., -2], 1 - last
    kept = np.divide(now, before, out=np.ones_like(now), where=now < before)
    ahead = np.log(target / times[-1]) / np.log(times[-1] / times[-2])
    return np.where(kept < 1, 1 - now * kept**ahead, last)


# --- weight inheritance ---


def inherit(child: SparseNetwork, parent: SparseNetwork) -> SparseNetwork:
    """A copy of the child with the parent's weights and biases where both have them.

    Units correspond by layer and position in the layer; hidden layers are counted from the input
    side, and the outputs correspond to the outputs. The weight of a connection is inherited if the
    parent has a connection between the corresponding units, and the bias of a unit if the parent
    has a corresponding unit. The last and the averaged values are inherited, but neither the
    moments nor the step count, so that the average of a new child soon forgets its first weights.

    Inheritance of matching weights as an estimate: Real et al. 2017, section 3.3.

    Cost: none, given the trained parent; see `metric_after` for the cost of further training.

    Args:
        child: The network whose structure the result has.
        parent: A trained network with the same inputs and outputs.

    Raises:
        InputError: the networks have different numbers of inputs or outputs.
    """
    ends = (child.n_inputs, child.n_outputs)
    if ends != (parent.n_inputs, parent.n_outputs):
        raise InputError(
            f"the child has {ends[0]} inputs and {ends[1]} outputs, the parent {parent.n_inputs} "
            f"and {parent.n_outputs}: expected networks for the same data set"
        )
    place = _counterparts(child, parent)
    inherited = child.copy()
    known = place[parent.n_inputs :] >= 0
    rows = place[parent.n_inputs :][known] - child.n_inputs
    inherited.units[_INHERITED, rows] = parent.units[_INHERITED, np.flatnonzero(known)]

    shared = np.flatnonzero((place[parent.targets] >= 0) & (place[parent.indices] >= 0))
    size = np.int64(child.n_units)
    wanted = child.targets * size + child.indices
    offered = place[parent.targets[shared]] * size + place[parent.indices[shared]]
    _, into, out_of = np.intersect1d(wanted, offered, assume_unique=True, return_indices=True)
    inherited.connections[_INHERITED, into] = parent.connections[_INHERITED, shared[out_of]]
    return inherited


def _counterparts(child: SparseNetwork, parent: SparseNetwork) -> np.ndarray:
    """int64 `[units of the parent]`: the corresponding unit of the child, or -1."""
    place = np.full(parent.n_units, -1)
    hidden = range(min(child.depth, parent.depth) + 1)
    for ours, theirs in [
        *zip(hidden, hidden, strict=True),
        (child.depth + 1, parent.depth + 1),
    ]:
        width = min(child.layer_sizes[ours], parent.layer_sizes[theirs])
        start = parent.starts[theirs]
        place[start : start + width] = child.starts[ours] + np.arange(width)
    return place


# --- zero-cost scores ---


def gradient_norm(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> float:
    """Sum over the layers of the Euclidean norm of the gradient of their incoming weights.

    Abdelfattah et al. 2021, "grad_norm". The gradient is taken at the last weights, without biases.

    Cost: one batch, if there are as many samples as in a batch.

    Args:
        network: The network, usually at initialisation.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set.

    Raises:
        InputError: the network does not fit the data set.
    """
    squares = _gradient(network, dataset, samples) ** 2
    into = network.unit_layers[network.targets]
    return float(np.sqrt(np.bincount(into, squares)).sum())


def connection_sensitivity(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray
) -> np.ndarray:
    """float64 `[connections]`: |gradient * weight| of each connection.

    Lee et al. 2019 (SNIP), section 4.1, without the division by the sum.

    Cost, arguments and errors: see `gradient_norm`.
    """
    gradient = _gradient(network, dataset, samples)
    sensitivity: np.ndarray = np.abs(gradient * network.connections[VALUE])
    return sensitivity


def snip(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> float:
    """Sum of the connection sensitivities: Abdelfattah et al. 2021, "snip".

    Cost, arguments and errors: see `gradient_norm`.
    """
    return float(connection_sensitivity(network, dataset, samples).sum())


def jacobian_covariance(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> float:
    """How differently the network responds around different samples.

    The score is `-sum(log(v + k) + 1 / (v + k))` with k = 1e-5. The numbers v are the eigenvalues
    of the correlation matrix between samples, where each sample is represented by the gradient of
    its summed outputs with respect to its inputs. This is the first version of Mellor et al. 2021,
    as in Abdelfattah et al. 2021, "jacob_cov". A sample whose gradient is the same for all inputs
    gets correlation 0 with all samples and with itself.

    Cost: one batch, if there are as many samples as in a batch.

    Args:
        network: The network, usually at initialisation.
        dataset: The data set that the samples are rows of; labels are not read.
        samples: int32 `[n]`, rows of the data set.

    Raises:
        InputError: the network does not fit the data set.
    """
    check_fit(network, dataset)
    weights, biases = network.connections[VALUE], network.units[VALUE]
    inputs = dataset.standardize(samples).T
    _, gradients = _forward_backward(network, weights, biases, inputs)
    jacobian = gradients[: network.n_inputs].T
    jacobian = jacobian - jacobian.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(jacobian, axis=1, keepdims=True)
    rows = np.divide(jacobian, norms, out=np.zeros_like(jacobian), where=norms > 0)
    eigenvalues = np.linalg.eigvalsh(rows @ rows.T) + _EIGENVALUE_FLOOR
    return float(-(np.log(eigenvalues) + 1 / eigenvalues).sum())


def synflow(network: SparseNetwork) -> float:
    """Synaptic flow: sum of theta * dR/dtheta, R the sum of the outputs for inputs of one.

    The network is evaluated with the absolute values of its weights and without biases, so that no
    data are needed (Tanaka et al. 2020). In float64, the sum overflows only beyond some hundreds of
    dense layers.

    Cost: one forward and backward pass of one sample.
    """
    weights = np.abs(network.connections[VALUE]).astype(np.float64)
    biases = np.zeros(network.units.shape[1])
    flow, gradients = _forward_backward(network, weights, biases, np.ones((network.n_inputs, 1)))
    return float((flow[network.indices, 0] * weights * gradients[network.targets, 0]).sum())


def _gradient(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> np.ndarray:
    """float64 `[connections]`: d(mean loss)/d(weight)."""
    check_fit(network, dataset)
    gradients = sample_gradients(network, dataset, samples).gradients
    active: np.ndarray = gradients[network.targets - network.n_inputs, network.indices].astype(
        np.float64
    )
    return active


def _forward_backward(
    network: SparseNetwork, weights: np.ndarray, biases: np.ndarray, inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Activations, and the gradients of the summed outputs, in float64.

    Args:
        network: The network; its structure is read, not its state.
        weights: float `[connections]`.
        biases: float `[rows]`.
        inputs: float `[inputs, samples]`.

    Returns:
        Both float64 `[units, samples]`: the activations; the gradients with respect to the inputs
        and to the pre-activations of all other units.
    """
    structure = network.layer_sizes, network.indptr, network.indices
    weights = weights.astype(np.float64)
    activations = forward(*structure, weights, biases, inputs)
    gradients = np.zeros_like(activations)
    gradients[-network.n_outputs :] = 1
    for units, matrix in reversed([*layer_matrices(*structure, weights)]):
        if units.stop < network.n_units:
            gradients[units] *= activations[units] > 0
        gradients[: units.start] += matrix.T @ gradients[units]
    return activations, gradients

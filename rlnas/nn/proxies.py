"""Cheap estimates of the accuracy that a network would reach in full training.

Costs are in training batches: one forward and one backward pass over a batch. A forward pass alone
counts as a third of that, since the backward pass computes two products for each of its one.
Networks given are never changed; estimates that train, train a copy.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from rlnas.data.datasets import Dataset
from rlnas.errors import InputError
from rlnas.integers import whole
from rlnas.nn.gradients import sample_gradients
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.training import check_fit, evaluate, train

_INHERITED = [[VALUE], [EMA]]
_EIGENVALUE_FLOOR = 1e-5


# --- training for a few batches ---


def accuracy_after(network: SparseNetwork, dataset: Dataset, order: np.ndarray) -> float:
    """Validation accuracy of the averaged weights after a few batches.

    Early stopping as an estimate, as in Zoph & Le 2017 and EcoNAS (Zhou et al. 2020); of the
    exponentially averaged weights, which are ahead of the last ones at a constant learning rate.

    Cost: `len(order)` batches, and a forward pass over the validation samples.

    Args:
        network: where training starts; for weight inheritance, what `inherit` returns.
        dataset: where the samples are; its test samples are not read.
        order: int32 `[batches, batch]`, the samples of each batch, at least one.

    Raises:
        InputError: there is no batch, or the network does not fit the data set.
    """
    trained = network.copy()
    train(trained, dataset, order)
    return evaluate(trained, dataset, dataset.validation).accuracy


def training_losses(network: SparseNetwork, dataset: Dataset, order: np.ndarray) -> np.ndarray:
    """float64 `[batches]`: mean loss (nats) of each batch in training, before its own step.

    Cost: `len(order)` batches.

    Args:
        network: where training starts.
        dataset: where the samples are.
        order: int32 `[batches, batch]`, the samples of each batch.

    Raises:
        InputError: the network does not fit the data set.
    """
    trained = network.copy()
    return np.array([train(trained, dataset, batch[None]).loss for batch in order])


def sum_of_losses(losses: ArrayLike, last: int | None = None) -> np.ndarray:
    """Sum of training losses (SoTL): the lower, the better the network should become.

    Ru et al. 2021 ("Speedy Performance Estimation for NAS"), the estimator TSE, and TSE-E if
    only the last part is summed.

    Cost: the batches, but nothing on top of the training that they were part of.

    Args:
        losses: float `[..., batches]`, a training-loss curve, or many.
        last: how many of the last batches to sum; all if None.

    Returns:
        float64 `[...]`.

    Raises:
        InputError: `last` is not from 1 to the number of batches.
    """
    curve = np.asarray(losses, np.float64)
    batches = curve.shape[-1]
    last = batches if last is None else whole("number of last losses", last, 1, batches)
    return curve[..., batches - last :].sum(axis=-1)


def sum_of_training_losses(
    network: SparseNetwork, dataset: Dataset, order: np.ndarray, last: int | None = None
) -> float:
    """`sum_of_losses` of a network that is trained for it; see `training_losses`."""
    return float(sum_of_losses(training_losses(network, dataset, order), last))


# --- learning-curve extrapolation ---


def extrapolate(epochs: ArrayLike, accuracies: ArrayLike, target: float) -> np.ndarray:
    """Accuracy at a later epoch count, read off a power law through the last two accuracies.

    The error is taken for `b * t ** -c`, a straight line in logarithms. Only the last two points
    count, since small networks are at chance for a while before their error falls: on the digits
    table this ranks better than a least-squares fit of `a + b * t ** -c` to all points (pow3 of
    Domhan et al. 2015), and is closer. Where the error did not fall between the two, and where
    there is one point only, the last accuracy stands.

    Cost: training for `epochs[-1]`, and two forward passes over the validation samples.

    Args:
        epochs: float `[points]`, epoch (or batch) counts, ascending, above 0.
        accuracies: float `[..., points]`, in [0, 1].
        target: epoch count to predict for, not below the last.

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
    side, and the outputs correspond to the outputs. A connection is inherited if the parent has
    one between the corresponding units, the bias of every unit that has a counterpart. Last and
    averaged values are inherited; everything else of the child stays as it is, its optimiser and
    step count too, so that a new child's average soon forgets where training started.

    Inheritance of matching weights as an estimate: Real et al. 2017, section 3.3.

    Cost: none, given the trained parent; `accuracy_after` tells the cost of training on.

    Args:
        child: the network whose structure the result has.
        parent: a trained relative.

    Raises:
        InputError: the networks have not the same inputs and outputs.
    """
    ends = (child.n_inputs, child.n_outputs)
    if ends != (parent.n_inputs, parent.n_outputs):
        raise InputError(
            f"the child has {ends[0]} inputs and {ends[1]} outputs, the parent {parent.n_inputs} "
            f"and {parent.n_outputs}: expected networks for the same data set"
        )
    place = _counterparts(child, parent)
    heir = child.copy()
    known = place[parent.n_inputs :] >= 0
    rows = place[parent.n_inputs :][known] - child.n_inputs
    heir.units[_INHERITED, rows] = parent.units[_INHERITED, np.flatnonzero(known)]

    shared = np.flatnonzero((place[parent.targets] >= 0) & (place[parent.indices] >= 0))
    size = np.int64(child.n_units)
    wanted = child.targets * size + child.indices
    offered = place[parent.targets[shared]] * size + place[parent.indices[shared]]
    _, into, out_of = np.intersect1d(wanted, offered, assume_unique=True, return_indices=True)
    heir.connections[_INHERITED, into] = parent.connections[_INHERITED, shared[out_of]]
    return heir


def _counterparts(child: SparseNetwork, parent: SparseNetwork) -> np.ndarray:
    """int64 `[units of the parent]`: the corresponding unit of the child, or -1."""
    place = np.full(parent.n_units, -1)
    hidden = range(min(child.depth, parent.depth) + 1)
    for ours, theirs in [*zip(hidden, hidden, strict=True), (child.depth + 1, parent.depth + 1)]:
        width = min(child.layer_sizes[ours], parent.layer_sizes[theirs])
        start = parent.starts[theirs]
        place[start : start + width] = child.starts[ours] + np.arange(width)
    return place


# --- zero-cost scores ---


def gradient_norm(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> float:
    """Sum over the layers of the Euclidean norm of the gradient of the weights into them.

    Abdelfattah et al. 2021, "grad_norm". At the last weights; biases do not count.

    Cost: one batch, if `samples` are as many.

    Args:
        network: usually at initialisation.
        dataset: where the samples are.
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
    return np.abs(gradient * network.connections[VALUE])


def snip(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> float:
    """Sum of the connection sensitivities: Abdelfattah et al. 2021, "snip".

    Cost, arguments and errors: see `gradient_norm`.
    """
    return float(connection_sensitivity(network, dataset, samples).sum())


def jacobian_covariance(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> float:
    """How differently the network responds around different samples.

    With v the eigenvalues of the correlation matrix of the samples' gradients of the summed
    outputs by the inputs: `-sum(log(v + k) + 1 / (v + k))`, k = 1e-5. The first version of Mellor
    et al. 2021, as in Abdelfattah et al. 2021, "jacob_cov". A sample whose gradient does not vary
    between inputs has no correlation, not even with itself.

    Cost: one batch, if `samples` are as many.

    Args:
        network: usually at initialisation.
        dataset: where the samples are; labels are not read.
        samples: int32 `[n]`, rows of the data set.

    Raises:
        InputError: the network does not fit the data set.
    """
    check_fit(network, dataset)
    weights, biases = network.connections[VALUE], network.units[VALUE]
    inputs = dataset.standardise(samples).T
    _, adjoints = _forward_backward(network, weights, biases, inputs)
    jacobian = adjoints[: network.n_inputs].T
    jacobian = jacobian - jacobian.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(jacobian, axis=1, keepdims=True)
    rows = np.divide(jacobian, norms, out=np.zeros_like(jacobian), where=norms > 0)
    eigenvalues = np.linalg.eigvalsh(rows @ rows.T) + _EIGENVALUE_FLOOR
    return float(-(np.log(eigenvalues) + 1 / eigenvalues).sum())


def synflow(network: SparseNetwork) -> float:
    """Synaptic flow: sum of theta * dR/dtheta, R the sum of the outputs for inputs of one.

    R is that of the network with the absolute values of its weights and without biases, so that
    it needs no data (Tanaka et al. 2020). float64: it overflows only beyond
    some hundreds of dense layers.

    Cost: forward and backward of one sample.
    """
    weights = np.abs(network.connections[VALUE]).astype(np.float64)
    biases = np.zeros(network.units.shape[1])
    flow, adjoints = _forward_backward(network, weights, biases, np.ones((network.n_inputs, 1)))
    return float((flow[network.indices, 0] * weights * adjoints[network.targets, 0]).sum())


def _gradient(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> np.ndarray:
    """float64 `[connections]`: d(mean loss)/d(weight)."""
    check_fit(network, dataset)
    gradients = sample_gradients(network, dataset, samples).gradients
    return gradients[network.targets - network.n_inputs, network.indices].astype(np.float64)


def _forward_backward(
    network: SparseNetwork, weights: np.ndarray, biases: np.ndarray, inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Activations, and the gradient of the summed outputs, in float64, layer by layer.

    Args:
        network: its structure is read, not its state.
        weights: float `[connections]`.
        biases: float `[rows]`.
        inputs: float `[inputs, samples]`.

    Returns:
        Both `[units, samples]`: the activations, and the gradients by the inputs and by what all
        other units receive.
    """
    n_inputs = network.n_inputs
    matrix = csr_array(
        (weights.astype(np.float64), network.indices, network.indptr),
        shape=(biases.size, network.n_units),
    )
    layers = [
        (matrix[start - n_inputs : stop - n_inputs], slice(start, stop))
        for start, stop in pairwise(network.starts[1:].tolist())
    ]
    activations = np.zeros((network.n_units, inputs.shape[1]))
    activations[:n_inputs] = inputs
    for block, units in layers:
        before = block @ activations + biases[units.start - n_inputs : units.stop - n_inputs, None]
        activations[units] = before if units.stop == network.n_units else np.maximum(before, 0)
    adjoints = np.zeros_like(activations)
    adjoints[-network.n_outputs :] = 1
    for block, units in reversed(layers):
        if units.stop < network.n_units:
            adjoints[units] *= activations[units] > 0
        adjoints += block.T @ adjoints[units]
    return activations, adjoints

"""The parts of a pass through a network: gathering, forward, losses, backward, optimiser step.

Samples are processed a tile at a time, batch-last: `activations[unit, sample]`, so that the
activations of all units stay in the fast caches, and each connection is one multiply-add of
contiguous rows.

Nothing is masked and nothing multiplies by zero: the cost of a training step is proportional to
the number of connections. All functions release the interpreter lock and allocate nothing.
"""

from typing import NamedTuple

import numpy as np

from rlnas.jit import compile_loops
from rlnas.nn.kernels.fast_math import part
from rlnas.nn.kernels.simd.gathering import gather_blocks
from rlnas.nn.kernels.simd.registers import TILE, WIDE
from rlnas.nn.kernels.simd.rows import backward_row, forward_row
from rlnas.nn.kernels.simd.teams import TEAM, backward_team, forward_team
from rlnas.nn.structure import BLOCK, Index

# exp(r) on |r| <= log(2)/2: Taylor coefficients, relative error below 2e-7 in float32.
_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_EXP_MIN = np.float32(-87.0)
_C2 = np.float32(1 / 2)
_C3 = np.float32(1 / 6)
_C4 = np.float32(1 / 24)
_C5 = np.float32(1 / 120)
_C6 = np.float32(1 / 720)
_ZERO = np.float32(0)
_ONE = np.float32(1)
_NO_FLOOR = np.float32(-np.inf)
_PART = 96  # inputs whose activations fit into the first cache beside those of some rows
_DENSE = 16  # connections that a row has in each part, if parts are to be of use
_NO_GATE = np.float32(np.nan)  # -inf would close on an output of -inf


class Samples(NamedTuple):
    """Raw samples and how to standardise them: an input is `(feature - mean) * scale`.

    Classes are to be told apart if there are no targets, otherwise numbers to be predicted.
    """

    features: np.ndarray  # uint8 or float32 [samples, features]
    labels: np.ndarray  # int32 [samples], read if there are no targets
    mean: np.ndarray  # float32 [features]
    scale: np.ndarray  # float32 [features]
    targets: np.ndarray  # float32 [samples, outputs], standardised; or [0, 0]
    bends: np.ndarray  # float32 [outputs], see `squared_error`; or [0]
    weights: np.ndarray  # float32 [samples]


class Adam(NamedTuple):
    """Settings of the optimiser `adamw`."""

    beta1: float  # decay of the first moment
    beta2: float  # decay of the second moment
    epsilon: float  # added to the root of the second moment
    decay: float  # weight decay, multiplied by the learning rate


@part
def _exp(x: np.float32) -> np.float32:
    """e**x for x <= 0 in float32, in a form that LLVM can vectorise (no library call)."""
    x = max(x, _EXP_MIN)
    n = np.floor(x * _LOG2E + np.float32(0.5))
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = _ONE + r * (_ONE + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * _C6)))))
    y: np.float32 = p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return y


@part
def choose(chosen: np.ndarray, start: int, lanes: np.ndarray) -> int:
    """Choose the samples of a tile; the last one is repeated to fill it.

    Args:
        chosen: int32 `[n]`, rows of the data set.
        start: Where the samples of the tile begin in `chosen`, less than n.
        lanes: int32 `[TILE]`, receives the row of each sample of the tile.

    Returns:
        Number of samples in the tile, from 1 to `TILE`.
    """
    n: int = min(TILE, chosen.size - start)
    for b in range(TILE):
        lanes[b] = chosen[start + min(b, n - 1)]
    return n


@part
def gather(
    samples: Samples, lanes: np.ndarray, blocks: np.ndarray, activations: np.ndarray
) -> None:
    """Copy the features of a tile, standardised and transposed, into `activations[:features]`.

    Args:
        samples: The data set, a `Samples`.
        lanes: int32 `[TILE]`, the row of each sample of the tile in `samples.features`.
        blocks: int32 `[blocks]`, first columns of the blocks of eight features to copy; if there
            are fewer than eight features, all are copied.
        activations: float32 `[units, TILE]`; the rows of the features copied are written.
    """
    features, mean, scale = samples.features, samples.mean, samples.scale
    if mean.size < BLOCK:
        for b in range(TILE):
            for u in range(mean.size):
                activations[u, b] = (np.float32(features[lanes[b], u]) - mean[u]) * scale[u]
        return
    for b in range(0, TILE, WIDE):
        gather_blocks(features, lanes, b, blocks, mean, scale, activations)


@part
def split(index: Index, memory: np.ndarray) -> np.ndarray:
    """Split the inputs into parts whose activations fit into the first cache.

    There, many rows find the activations that one has read; rows with few connections in a part
    would rather lose by having to begin so often.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        memory: int32, as many as `splits_size` says.

    Returns:
        int32 `[parts + 1, rows]`, the first connection of each row from an input in the part or
        behind it; of the last row, the first that is not from an input.
    """
    rows, parts = index.stops.size, 1
    readers = connections = 0
    for row in range(rows):
        readers += index.hidden_start[row] > index.indptr[row]
        connections += index.hidden_start[row] - index.indptr[row]
    wanted = (index.n_inputs + _PART - 1) // _PART
    if connections >= _DENSE * wanted * readers and index.n_inputs > 2 * _PART:
        parts = wanted
    width = (index.n_inputs + parts - 1) // parts
    splits = memory[: (parts + 1) * rows].reshape((parts + 1, rows))
    for row in range(rows):
        k = index.indptr[row]
        for number in range(parts):
            splits[number, row] = k
            end = min((number + 1) * width, index.n_inputs)
            while k < index.hidden_start[row] and index.columns[k] < end:
                k += 1
        splits[parts, row] = k
    return splits


@part
def form_teams(index: Index, teams: np.ndarray) -> None:
    """Find rows side by side that read the same units, as in a layer with all its connections.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        teams: int32 `[rows]`, receives `TEAM` for the first row of a team, 0 for its other rows, 1
            for a row that is in none.
    """
    row = 0
    while row < teams.size:
        fan_in = index.indptr[row + 1] - index.indptr[row]
        alike = row + TEAM <= teams.size
        if alike:
            alike = index.stops[row] == index.stops[row + TEAM - 1]
        for mate in range(row + 1, row + TEAM):
            alike = alike and index.indptr[mate + 1] - index.indptr[mate] == fan_in
            k = index.indptr[row]
            while alike and k < index.indptr[row + 1]:
                alike = index.columns[k] == index.columns[k + (mate - row) * fan_in]
                k += 1
        size = TEAM if alike else 1
        teams[row] = size
        for mate in range(row + 1, row + size):
            teams[mate] = 0
        row += size


def splits_size(n_inputs: int, rows: int) -> int:
    """How much memory `split` needs."""
    return (-(-n_inputs // _PART) + 2) * rows


@part
def forward(
    index: Index,
    splits: np.ndarray,
    teams: np.ndarray,
    weights: np.ndarray,
    biases: np.ndarray,
    activations: np.ndarray,
) -> None:
    """Compute the activations of all hidden (ReLU) and output (linear) units of a tile.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        splits: int32 `[parts + 1, rows]`, see `split`.
        teams: int32 `[rows]`, see `form_teams`.
        weights: float32 `[connections]`.
        biases: float32 `[rows]`.
        activations: float32 `[units, TILE]`; the inputs are read, all other units are written.
    """
    last_part = splits.shape[0] - 2
    for part_number in range(last_part + 1):
        for row in range(biases.size):
            first, last = splits[part_number, row], splits[part_number + 1, row]
            floor = _NO_FLOOR
            if part_number == last_part:
                last = index.indptr[row + 1]
                if row < index.n_hidden:
                    floor = _ZERO
            if teams[row] == 1:
                forward_row(
                    weights,
                    index.columns,
                    first,
                    last,
                    activations,
                    index.n_inputs + row,
                    biases[row],
                    part_number == 0,
                    floor,
                )
            elif teams[row] > 1:
                forward_team(
                    weights,
                    index.columns,
                    first,
                    last,
                    index.indptr[row + 1] - index.indptr[row],
                    activations,
                    index.n_inputs + row,
                    biases,
                    row,
                    part_number == 0,
                    floor,
                )


@part
def cross_entropy(
    logits: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    n: int,
    share: float,
    delta: np.ndarray,
    highest: np.ndarray,
    total: np.ndarray,
    tally: np.ndarray,
) -> float:
    """Softmax cross-entropy and its gradient.

    The prediction is the first of the classes with the largest logit.

    Args:
        logits: float32 `[classes, TILE]`.
        labels: int32 `[n]` or longer, the class of each sample.
        weights: float32 `[n]` or longer, the weight of each sample.
        n: Number of samples in the tile.
        share: Weight of a sample in the mean loss, 1 / batch size.
        delta: float32 `[classes, TILE]`, receives d(mean loss)/d(logits), zero from column `n` on.
        highest: float32 `[TILE]`, scratch memory.
        total: float32 `[TILE]`, scratch memory.
        tally: float64 `[classes]` or longer; the weights of the samples of each class that are
            predicted correctly are added to it.

    Returns:
        Sum of the losses of the samples times their weights.
    """
    classes = logits.shape[0]
    for b in range(TILE):
        highest[b] = logits[0, b]
        total[b] = _ZERO
    for c in range(1, classes):
        for b in range(TILE):
            highest[b] = max(highest[b], logits[c, b])
    for c in range(classes):
        for b in range(TILE):
            e = _exp(logits[c, b] - highest[b])
            delta[c, b] = e
            total[b] += e
    loss = 0.0
    for b in range(n):
        label = labels[b]
        loss += weights[b] * (np.log(total[b]) - (logits[label, b] - highest[b]))
        if logits[label, b] == highest[b]:
            first = total[b] > _ZERO  # false for NaN: such a sample is never correct
            for c in range(label):
                first = first and logits[c, b] != highest[b]
            if first:
                tally[label] += weights[b]
    for b in range(TILE):
        total[b] = np.float32(share) * weights[b] / total[b] if b < n else _ZERO
    for c in range(classes):
        for b in range(TILE):
            delta[c, b] *= total[b]
    for b in range(n):
        delta[labels[b], b] -= np.float32(share) * weights[b]
    return loss


@compile_loops()  # in this order, wherever it is compiled into
def _product(weight: np.float32, factor: np.float32, error: np.float32) -> np.float32:
    return weight * (factor * error)


@part
def squared_error(
    outputs: np.ndarray,
    targets: np.ndarray,
    bends: np.ndarray,
    lanes: np.ndarray,
    weights: np.ndarray,
    n: int,
    share: float,
    delta: np.ndarray,
    tally: np.ndarray,
) -> float:
    """Mean squared error over the outputs, or a robust loss, and its gradient.

    Beyond the bend of an output, the loss goes on as a straight line, by the tangent of the square
    there: twice the loss of Huber 1964.

    Args:
        outputs: float32 `[outputs, TILE]`.
        targets: float32 `[samples, outputs]`.
        bends: float32 `[outputs]`, the absolute error up to which the loss is a square; infinite
            for the squared error.
        lanes: int32 `[n]` or longer, the row in `targets` of each sample of the tile.
        weights: float32 `[n]` or longer, the weight of each sample.
        n: Number of samples in the tile.
        share: Weight of a sample in the mean loss, 1 / batch size.
        delta: float32 `[outputs, TILE]`, receives d(mean loss)/d(outputs), zero from column `n` on.
        tally: float64 `[outputs]` or longer; the squared errors of each output times the weights of
            the samples are added to it.

    Returns:
        Sum of the losses of the samples times their weights.
    """
    width = outputs.shape[0]
    factor = np.float32(2 * share / width)
    loss = 0.0
    for k in range(width):
        bend = bends[k]
        for b in range(TILE):
            delta[k, b] = _ZERO
        for b in range(n):
            error = outputs[k, b] - targets[lanes[b], k]
            square = np.float64(error) * np.float64(error)
            tally[k] += weights[b] * square
            if abs(error) > bend:
                square = bend * (2 * np.float64(abs(error)) - bend)
                error = bend if error > _ZERO else -bend
            loss += weights[b] * square
            delta[k, b] = _product(weights[b], factor, error)
    mean: float = loss / width
    return mean


@part
def backward(
    index: Index,
    splits: np.ndarray,
    teams: np.ndarray,
    weights: np.ndarray,
    activations: np.ndarray,
    deltas: np.ndarray,
    gradient: np.ndarray,
    bias_gradient: np.ndarray,
) -> None:
    """Add the gradients of a tile, in one pass from the outputs down.

    Where inputs are read in parts, their connections come after the others, part by part.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        splits: int32 `[parts + 1, rows]`, see `split`.
        teams: int32 `[rows]`, see `form_teams`.
        weights: float32 `[connections]`.
        activations: float32 `[units, TILE]`, written by `forward`.
        deltas: float32 `[rows, TILE]`; the rows of the outputs hold d(loss)/d(logit), the rows of
            hidden units are overwritten with d(loss)/d(pre-activation).
        gradient: float32 `[connections]`, added to.
        bias_gradient: float32 `[rows]`, added to.
    """
    rows = bias_gradient.size
    deltas[: index.n_hidden] = _ZERO
    parts = splits.shape[0] - 1
    for turn in range(parts + 1 if parts > 1 else 1):
        for i in range(rows):
            row = rows - 1 - i
            first, middle, last = splits[0, row], splits[parts, row], index.indptr[row + 1]
            if parts > 1:
                first = middle
            gate = _ZERO if row < index.n_hidden else _NO_GATE
            if turn > 0:
                first, middle = splits[turn - 1, row], splits[turn, row]
                last, gate = middle, _NO_GATE
            if turn == 0 or teams[row] == 1:
                stop = last if teams[row] == 1 else first
                total: np.float32 = backward_row(
                    weights,
                    index.columns,
                    first,
                    min(middle, stop),
                    stop,
                    activations,
                    deltas,
                    row,
                    index.n_inputs,
                    gate,
                    gradient,
                )
                if turn == 0:
                    bias_gradient[row] += total
            if teams[row] > 1:
                backward_team(
                    weights,
                    index.columns,
                    first,
                    middle,
                    last,
                    index.indptr[row + 1] - index.indptr[row],
                    activations,
                    deltas,
                    row,
                    index.n_inputs,
                    gradient,
                )


@part
def adamw(
    state: np.ndarray,
    gradient: np.ndarray,
    step: int,
    rate: float,
    adam: Adam,
    ema_rate: float,
) -> None:
    """One step of Adam with decoupled weight decay, and of the moving average of the values.

    Kingma & Ba 2015, algorithm 1; decay as in Loshchilov & Hutter 2019, algorithm 2.

    Args:
        state: float32 `[4, n]`: values, first moments, second moments, averages; updated.
        gradient: float32 `[n]`.
        step: Number of this step, from 1.
        rate: Learning rate.
        adam: Settings of the optimiser, an `Adam`.
        ema_rate: Weight of the new value in the moving average.
    """
    values = state[0]
    first_moments = state[1]
    second_moments = state[2]
    averages = state[3]
    beta1 = np.float32(adam.beta1)
    beta2 = np.float32(adam.beta2)
    rest1 = np.float32(1 - adam.beta1)
    rest2 = np.float32(1 - adam.beta2)
    step_size = np.float32(rate / (1 - adam.beta1**step))  # with the bias correction of moments
    root_factor = np.float32(1 / np.sqrt(1 - adam.beta2**step))
    epsilon = np.float32(adam.epsilon)
    keep = np.float32(1 - rate * adam.decay)
    share = np.float32(ema_rate)
    for i in range(gradient.size):
        slope = gradient[i]
        first = beta1 * first_moments[i] + rest1 * slope
        second = beta2 * second_moments[i] + rest2 * slope * slope
        value = keep * values[i] - step_size * first / (np.sqrt(second) * root_factor + epsilon)
        first_moments[i] = first
        second_moments[i] = second
        values[i] = value
        averages[i] += share * (value - averages[i])

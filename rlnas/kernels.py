"""The compiled loops: gather, forward, backward, optimiser step, evaluation, gradient scan.

Arrays are batch-last: `activations[unit, sample]`, so that one connection is one contiguous
multiply-add over the samples. Units are compact here: the inputs that have a connection come
first, then every hidden and output unit, in topological order (`rlnas.network` has the layout).

Nothing is masked and nothing multiplies by zero: the cost of a training step is proportional to
the number of connections. All functions release the interpreter lock and allocate nothing.
"""

from typing import Any

import numba
import numpy as np

# NaN and infinity keep their meaning, so that a diverged network can be detected.
_compiled: Any = numba.njit(
    nogil=True,
    cache=True,
    error_model="numpy",
    fastmath={"contract", "reassoc", "nsz", "arcp"},
)

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


@_compiled
def _exp(x):
    """e**x for x <= 0 in float32, in a form that LLVM can vectorise (no library call)."""
    x = max(x, _EXP_MIN)
    n = np.floor(x * _LOG2E + np.float32(0.5))
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = _ONE + r * (_ONE + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * _C6)))))
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@_compiled
def gather(features, samples, inputs, mean, scale, activations):
    """Copy the used inputs of some samples, standardised, into `activations[:len(inputs)]`.

    Args:
        features: uint8 or float32 `[all samples, features]`.
        samples: int32 `[batch]`, rows of `features`.
        inputs: int32 `[used]`, columns of `features`.
        mean: float32 `[features]`.
        scale: float32 `[features]`; an input is `(raw - mean) * scale`.
        activations: float32 `[>= used, >= batch]`, written.
    """
    n = samples.size
    whole = n - n % 8
    for b in range(0, whole, 8):
        r0 = features[samples[b]]
        r1 = features[samples[b + 1]]
        r2 = features[samples[b + 2]]
        r3 = features[samples[b + 3]]
        r4 = features[samples[b + 4]]
        r5 = features[samples[b + 5]]
        r6 = features[samples[b + 6]]
        r7 = features[samples[b + 7]]
        for u in range(inputs.size):
            column = np.uint32(inputs[u])
            m = mean[column]
            s = scale[column]
            out = activations[u, b : b + 8]
            out[0] = (np.float32(r0[column]) - m) * s
            out[1] = (np.float32(r1[column]) - m) * s
            out[2] = (np.float32(r2[column]) - m) * s
            out[3] = (np.float32(r3[column]) - m) * s
            out[4] = (np.float32(r4[column]) - m) * s
            out[5] = (np.float32(r5[column]) - m) * s
            out[6] = (np.float32(r6[column]) - m) * s
            out[7] = (np.float32(r7[column]) - m) * s
    for b in range(whole, n):
        row = features[samples[b]]
        for u in range(inputs.size):
            activations[u, b] = (np.float32(row[inputs[u]]) - mean[inputs[u]]) * scale[inputs[u]]


@_compiled
def forward(indptr, columns, weights, biases, n_hidden, activations, batch):
    """Fill the activations of all hidden (ReLU) and output (linear) units.

    Args:
        indptr: int32 `[rows + 1]`.
        columns: int32 `[connections]`, compact source unit of each connection.
        weights: float32 `[connections]`.
        biases: float32 `[rows]`.
        n_hidden: number of rows that are hidden units.
        activations: float32 `[used inputs + rows, >= batch]`; inputs are read, rows written.
        batch: number of samples.
    """
    rows = biases.size
    used = activations.shape[0] - rows
    for row in range(rows):
        out = activations[used + row, :batch]
        out[:] = biases[row]
        k = indptr[row]
        end = indptr[row + 1]
        while k + 4 <= end:
            w0 = weights[k]
            w1 = weights[k + 1]
            w2 = weights[k + 2]
            w3 = weights[k + 3]
            x0 = activations[columns[k], :batch]
            x1 = activations[columns[k + 1], :batch]
            x2 = activations[columns[k + 2], :batch]
            x3 = activations[columns[k + 3], :batch]
            for b in range(batch):
                out[b] += (w0 * x0[b] + w1 * x1[b]) + (w2 * x2[b] + w3 * x3[b])
            k += 4
        while k < end:
            w0 = weights[k]
            x0 = activations[columns[k], :batch]
            for b in range(batch):
                out[b] += w0 * x0[b]
            k += 1
        if row < n_hidden:
            for b in range(batch):
                out[b] = max(out[b], _ZERO)


@_compiled
def cross_entropy(logits, labels, delta, scratch, batch):
    """Softmax cross-entropy and its gradient.

    Args:
        logits: float32 `[classes, >= batch]`.
        labels: int32 `[batch]`.
        delta: float32 `[classes, >= batch]`; receives d(mean loss)/d(logits).
        scratch: float32 `[2, >= batch]`.
        batch: number of samples.

    Returns:
        Sum of the losses over the batch, and the number of samples whose first largest logit is
        that of their label.
    """
    classes = logits.shape[0]
    highest = scratch[0, :batch]
    total = scratch[1, :batch]
    highest[:] = logits[0, :batch]
    for c in range(1, classes):
        z = logits[c, :batch]
        for b in range(batch):
            highest[b] = max(highest[b], z[b])
    total[:] = _ZERO
    for c in range(classes):
        z = logits[c, :batch]
        e = delta[c, :batch]
        for b in range(batch):
            e[b] = _exp(z[b] - highest[b])
            total[b] += e[b]
    loss = 0.0
    correct = 0
    for b in range(batch):
        label = labels[b]
        loss += np.log(total[b]) - (logits[label, b] - highest[b])
        if logits[label, b] == highest[b]:
            first = total[b] > _ZERO  # false for NaN: such a sample is never correct
            for c in range(label):
                first = first and logits[c, b] != highest[b]
            correct += first
    share = _ONE / np.float32(batch)
    for b in range(batch):
        total[b] = share / total[b]
    for c in range(classes):
        e = delta[c, :batch]
        for b in range(batch):
            e[b] *= total[b]
    for b in range(batch):
        delta[labels[b], b] -= share
    return loss, correct


@_compiled
def backward(
    indptr,
    hidden_start,
    columns,
    weights,
    n_hidden,
    activations,
    deltas,
    batch,
    gradient,
    bias_gradient,
):
    """Gradients of the loss, from the output deltas down, in one sweep over the connections.

    Args:
        indptr: int32 `[rows + 1]`.
        hidden_start: int32 `[rows]`, where in each row the sources stop being network inputs:
            these need no gradient of their own.
        columns: int32 `[connections]`, compact source units.
        weights: float32 `[connections]`.
        n_hidden: number of hidden rows.
        activations: float32 `[used inputs + rows, >= batch]`, after `forward`.
        deltas: float32 `[rows, >= batch]`; output rows hold d(loss)/d(logit), hidden rows are
            overwritten with d(loss)/d(pre-activation).
        batch: number of samples.
        gradient: float32 `[connections]`, written.
        bias_gradient: float32 `[rows]`, written.
    """
    rows = bias_gradient.size
    used = activations.shape[0] - rows
    deltas[:n_hidden, :batch] = _ZERO
    for i in range(rows):
        row = rows - 1 - i
        d = deltas[row, :batch]
        if row < n_hidden:
            h = activations[used + row, :batch]
            for b in range(batch):
                d[b] = d[b] if h[b] > _ZERO else _ZERO
        total = _ZERO
        for b in range(batch):
            total += d[b]
        bias_gradient[row] = total
        k = indptr[row]
        middle = hidden_start[row]
        end = indptr[row + 1]
        while k + 4 <= middle:
            x0 = activations[columns[k], :batch]
            x1 = activations[columns[k + 1], :batch]
            x2 = activations[columns[k + 2], :batch]
            x3 = activations[columns[k + 3], :batch]
            g0 = _ZERO
            g1 = _ZERO
            g2 = _ZERO
            g3 = _ZERO
            for b in range(batch):
                g0 += d[b] * x0[b]
                g1 += d[b] * x1[b]
                g2 += d[b] * x2[b]
                g3 += d[b] * x3[b]
            gradient[k] = g0
            gradient[k + 1] = g1
            gradient[k + 2] = g2
            gradient[k + 3] = g3
            k += 4
        while k < middle:
            x0 = activations[columns[k], :batch]
            g0 = _ZERO
            for b in range(batch):
                g0 += d[b] * x0[b]
            gradient[k] = g0
            k += 1
        while k + 2 <= end:
            w0 = weights[k]
            w1 = weights[k + 1]
            x0 = activations[columns[k], :batch]
            x1 = activations[columns[k + 1], :batch]
            s0 = deltas[columns[k] - used, :batch]
            s1 = deltas[columns[k + 1] - used, :batch]
            g0 = _ZERO
            g1 = _ZERO
            for b in range(batch):
                g0 += d[b] * x0[b]
                g1 += d[b] * x1[b]
                s0[b] += w0 * d[b]
                s1[b] += w1 * d[b]
            gradient[k] = g0
            gradient[k + 1] = g1
            k += 2
        if k < end:
            w0 = weights[k]
            x0 = activations[columns[k], :batch]
            s0 = deltas[columns[k] - used, :batch]
            g0 = _ZERO
            for b in range(batch):
                g0 += d[b] * x0[b]
                s0[b] += w0 * d[b]
            gradient[k] = g0


@_compiled
def adamw(state, gradient, step, rate, beta1, beta2, epsilon, decay, average_rate):
    """One step of Adam with decoupled weight decay, and of the exponential average of the values.

    Kingma & Ba 2015, algorithm 1; decay as in Loshchilov & Hutter 2019, algorithm 2.

    Args:
        state: float32 `[4, n]`: values, first moments, second moments, averaged values; updated.
        gradient: float32 `[n]`.
        step: number of this step, from 1.
        rate: learning rate.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        epsilon: added to the root of the second moment.
        decay: weight decay per step, multiplied by the learning rate.
        average_rate: share of the new value in the average.
    """
    values = state[0]
    first = state[1]
    second = state[2]
    averages = state[3]
    b1 = np.float32(beta1)
    b2 = np.float32(beta2)
    c1 = np.float32(1 - beta1)
    c2 = np.float32(1 - beta2)
    size = np.float32(rate / (1 - beta1**step))
    root = np.float32(1 / np.sqrt(1 - beta2**step))
    eps = np.float32(epsilon)
    keep = np.float32(1 - rate * decay)
    share = np.float32(average_rate)
    for i in range(gradient.size):
        g = gradient[i]
        m = b1 * first[i] + c1 * g
        v = b2 * second[i] + c2 * g * g
        w = keep * values[i] - size * m / (np.sqrt(v) * root + eps)
        first[i] = m
        second[i] = v
        values[i] = w
        averages[i] += share * (w - averages[i])


@_compiled
def correlate(deltas, activations, stops, gradient):
    """Mean product of every delta with every earlier activation: the gradient of all connections.

    A connection that does not exist has the gradient it would have at weight zero; growing asks
    for the largest (Evci et al. 2020, RigL).

    Args:
        deltas: float32 `[rows, batch]`.
        activations: float32 `[units, batch]`.
        stops: int32 `[rows]`, the number of units earlier than each row's layer; equal within a
            layer.
        gradient: float32 `[rows, units]`; entries left of the stop are written.
    """
    rows, batch = deltas.shape
    row = 0
    while row < rows:
        width = 1
        if row + 4 <= rows and stops[row] == stops[row + 3]:
            width = 4
        for u in range(stops[row]):
            x = activations[u]
            if width == 4:
                d0 = deltas[row]
                d1 = deltas[row + 1]
                d2 = deltas[row + 2]
                d3 = deltas[row + 3]
                g0 = _ZERO
                g1 = _ZERO
                g2 = _ZERO
                g3 = _ZERO
                for b in range(batch):
                    g0 += d0[b] * x[b]
                    g1 += d1[b] * x[b]
                    g2 += d2[b] * x[b]
                    g3 += d3[b] * x[b]
                gradient[row, u] = g0
                gradient[row + 1, u] = g1
                gradient[row + 2, u] = g2
                gradient[row + 3, u] = g3
            else:
                d = deltas[row]
                g = _ZERO
                for b in range(batch):
                    g += d[b] * x[b]
                gradient[row, u] = g
        row += width


@_compiled
def train(
    features,
    labels,
    mean,
    scale,
    order,
    inputs,
    indptr,
    hidden_start,
    columns,
    connections,
    units,
    n_hidden,
    step,
    rates,
    beta1,
    beta2,
    epsilon,
    decay,
    average_rates,
    activations,
    deltas,
    batch_labels,
    scratch,
    gradient,
    bias_gradient,
    losses,
):
    """Train on many batches in one call; see the functions above for the shapes.

    Args:
        features: raw features of all samples.
        labels: int32 labels of all samples.
        mean: see `gather`.
        scale: see `gather`.
        order: int32 `[batches, batch]`, the samples of each batch.
        inputs: see `gather`.
        indptr: see `forward`.
        hidden_start: see `backward`.
        columns: see `forward`.
        connections: float32 `[4, connections]`, state of the weights; updated.
        units: float32 `[4, rows]`, state of the biases; updated.
        n_hidden: number of hidden rows.
        step: optimiser steps taken so far.
        rates: float64 `[batches]`, learning rates.
        beta1: see `adamw`.
        beta2: see `adamw`.
        epsilon: see `adamw`.
        decay: see `adamw`; biases do not decay.
        average_rates: float64 `[batches]`.
        activations: scratch, see `forward`.
        deltas: scratch, see `backward`.
        batch_labels: scratch, int32 `[batch]`.
        scratch: see `cross_entropy`.
        gradient: scratch, see `backward`.
        bias_gradient: scratch, see `backward`.
        losses: float64 `[batches]`, receives the mean loss of each batch.

    Returns:
        Number of training samples that were predicted correctly when they were seen.
    """
    batches, batch = order.shape
    outputs = inputs.size + n_hidden
    total_correct = 0
    for t in range(batches):
        samples = order[t]
        gather(features, samples, inputs, mean, scale, activations)
        for b in range(batch):
            batch_labels[b] = labels[samples[b]]
        forward(indptr, columns, connections[0], units[0], n_hidden, activations, batch)
        loss, correct = cross_entropy(
            activations[outputs:], batch_labels, deltas[n_hidden:], scratch, batch
        )
        losses[t] = loss / batch
        total_correct += correct
        backward(
            indptr,
            hidden_start,
            columns,
            connections[0],
            n_hidden,
            activations,
            deltas,
            batch,
            gradient,
            bias_gradient,
        )
        step += 1
        share = average_rates[t]
        adamw(connections, gradient, step, rates[t], beta1, beta2, epsilon, decay, share)
        adamw(units, bias_gradient, step, rates[t], beta1, beta2, epsilon, 0.0, share)
    return total_correct


@_compiled
def evaluate(
    features,
    labels,
    mean,
    scale,
    samples,
    inputs,
    indptr,
    columns,
    weights,
    biases,
    n_hidden,
    activations,
    deltas,
    batch_labels,
    scratch,
):
    """Sum of losses and number of correct predictions over many samples, a batch at a time.

    The arguments are those of `train`, with `samples` int32 `[n]` of any length and `deltas`
    float32 `[classes, batch]`.
    """
    batch = batch_labels.size
    outputs = inputs.size + n_hidden
    total_loss = 0.0
    total_correct = 0
    for start in range(0, samples.size, batch):
        chosen = samples[start : start + batch]
        n = chosen.size
        gather(features, chosen, inputs, mean, scale, activations)
        for b in range(n):
            batch_labels[b] = labels[chosen[b]]
        forward(indptr, columns, weights, biases, n_hidden, activations, n)
        loss, correct = cross_entropy(activations[outputs:], batch_labels, deltas, scratch, n)
        total_loss += loss
        total_correct += correct
    return total_loss, total_correct

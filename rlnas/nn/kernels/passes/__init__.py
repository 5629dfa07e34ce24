"""The parts of a pass through a network: gathering, forward, losses, backward, optimiser step.

Samples are processed a tile at a time, batch-last: `activations[unit, sample]`, so that the
activations of all units stay in the fast caches, and each connection is one multiply-add of
contiguous rows.

Nothing is masked and nothing multiplies by zero: the cost of a training step is proportional to
the number of connections. All functions release the interpreter lock and allocate nothing.
"""

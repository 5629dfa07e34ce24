"""Training many networks at once, on all cores."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.nn.network import SparseNetwork
from rlnas.nn.running import check_fit, check_rows
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Evaluation, Hyperparameters, train_checked
from rlnas.parallel.threads import Threads


def train_many(
    networks: Sequence[SparseNetwork],
    datasets: Dataset | Sequence[Dataset],
    orders: Sequence[np.ndarray],
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
    num_threads: int | None = None,
) -> list[Evaluation]:
    """Train many networks in place, each in one call of the compiled loops.

    Sizes, connections, data and numbers of batches may differ from network to network. The results
    are those of training one after the other, to the bit, whatever the number of threads.

    Args:
        networks: The networks, all different objects.
        datasets: The data set of each network, or one for all.
        orders: For each network its samples, int32 `[batches, batch]` (`Batches.take`).
        hyperparameters: Settings of the optimiser; the batch sizes are given by `orders`.
        num_threads: Number of networks that are trained at the same time; by default the number of
            processors.

    Returns:
        For each network what `train` returns.

    Raises:
        InputError: the numbers of networks, data sets and orders differ, a network is there twice,
            there is no batch for one, or one or its samples do not fit the data set; then none is
            trained.
    """
    networks, orders = list(networks), list(orders)
    if isinstance(datasets, Dataset):
        datasets = [datasets] * len(networks)
    if not len(networks) == len(datasets) == len(orders):
        raise InputError(
            f"there are {len(networks)} networks, {len(datasets)} data sets and {len(orders)} "
            "orders of samples: expected as many of each, or one data set"
        )
    if len({id(network) for network in networks}) < len(networks):
        raise InputError("a network is there twice: expected different ones, see `copy`")
    for number, (network, dataset) in enumerate(zip(networks, datasets, strict=True)):
        check_fit(network, dataset)
        check_rows(dataset, orders[number], 2)
        if len(orders[number]) == 0:
            raise InputError(f"there is no batch for network {number}: expected at least one")
    threads = Threads(num_threads, len(networks))

    def train_one(number: int) -> Evaluation:
        return train_checked(networks[number], datasets[number], orders[number], hyperparameters)

    work = [
        network.active_weights * order.size for network, order in zip(networks, orders, strict=True)
    ]
    # The longest first, so that no thread is left with one in the end.
    longest_first = np.argsort(work, kind="stable")[::-1].tolist()
    try:
        found = threads.run([partial(train_one, number) for number in longest_first])
    finally:
        threads.shutdown()
    in_place = dict(zip(longest_first, found, strict=True))
    return [in_place[number] for number in range(len(networks))]

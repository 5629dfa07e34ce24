"""What a search strategy needs to know about an environment, live or tabular alike."""

from collections.abc import Mapping
from typing import Any, Protocol

from rlnas.nn.architecture import Architecture
from rlnas.nn.network import SparseNetwork


class SearchableEnv(Protocol):
    """An environment whose designs a search can keep and whose evaluations it can pay for."""

    @property
    def current_design(self) -> SparseNetwork | Architecture:
        """The design that the last reset or step evaluated.

        `reset(options={"network": ...})` or `reset(options={"architecture": ...})` starts from it.
        """

    @property
    def evaluation_cost(self) -> int:
        """Cost of a reset or a step: training batches, or 1 for a look-up in a table.

        In episodes with a budget, multiply-adds of the last reset or step; 0 if it trained nothing.
        """


def metric_of(info: Mapping[str, Any]) -> Any:
    """What designs are judged by, before the price of weights; in tables it is the accuracy.

    Args:
        info: The info of a reset or a step, or the infos of a vector environment.
    """
    return info["val_metric"] if "val_metric" in info else info["val_accuracy"]

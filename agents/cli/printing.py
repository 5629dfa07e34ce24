"""What several commands print."""

from collections.abc import Iterable
from typing import Any


def print_classes(result: dict[str, Any]) -> None:
    """Print the recall of each class, and a warning if the design is worth nothing.

    Args:
        result: what `rlnas.agents.designing.evaluation.evaluation_metrics` returns.
    """
    from rlnas.agents.designing.evaluation import majority_warning
    from rlnas.files.plain_text import plain

    shares = result["recalls"].items()
    shown = (f"{plain(name)} {'-' if share is None else f'{share:.1%}'}" for name, share in shares)
    print(f"recall of each class: {', '.join(shown)}")
    if (warning := majority_warning(result)) is not None:
        print(f"this design is {warning}")


def architecture(layer_sizes: Iterable[int]) -> str:
    """The layer sizes as text, such as 64-20-10."""
    return "-".join(map(str, layer_sizes))

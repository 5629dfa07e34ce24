"""What several commands print."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlnas.data.datasets import Dataset


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


def print_columns(data: "Dataset", most: int | None = None) -> None:
    """Print what was understood of each column of a table; nothing for other data.

    Args:
        data: the data.
        most: number of columns to print; by default all.
    """
    from rich.table import Table

    from rlnas.columns.description import summaries
    from rlnas.files.plain_text import plain, plain_console

    rules = data.preprocessing
    if rules.encoding is None:
        return
    counts = f"{len(data.labels):,} rows, {data.n_classes} classes"
    title = plain(f"{data.name}: {counts} of {rules.encoding.target!r}")
    table = Table(title=title, caption="ranges and shares are those of the training rows")
    for name in ("column", "kind", "values", "missing", "use"):
        table.add_column(name, justify="right" if name == "missing" else "left")
    described = summaries(rules.encoding, rules.low, rules.high)
    for each in described[:most]:
        missing = "" if not each.missing else f"{each.missing:.1%}"
        table.add_row(plain(each.name), each.kind, plain(each.values), missing, plain(each.use))
    plain_console().print(table)
    if len(described) > len(described[:most]):
        print(f"and {len(described) - len(described[:most]):,} more: `rlnas data describe`")

"""What several commands print."""

from typing import TYPE_CHECKING, Any

from rlnas.columns.target import SEVERAL
from rlnas.objective import GIVEN, by_weights

if TYPE_CHECKING:
    from rlnas.data.dataset import Dataset


def print_details(result: dict[str, Any]) -> None:
    """Print the recall of each class or the errors of each target, and a warning if they are bad.

    Args:
        result: what `rlnas.agents.designing.evaluation.evaluation_metrics` returns.
    """
    from rlnas.agents.designing.evaluation import worthless_warning
    from rlnas.files.plain_text import plain

    _, plainly = by_weights(result)
    if "recalls" in result:
        shares = result["recalls"].items()
        shown = (
            f"{plain(name)} {'-' if share is None else f'{share:.1%}'}" for name, share in shares
        )
        print(f"recall of each class{plainly}: {', '.join(shown)}")
    for name, errors in result.get("errors", {}).items():
        print(
            f"{plain(name)}{plainly}: R² {errors['r2']:.4f}, "
            f"root mean squared error {errors['rmse']:.4g}, mean absolute error {errors['mae']:.4g}"
        )
    if (warning := worthless_warning(result)) is not None:
        print(f"this design is {warning}")


def told_task(task: str, reason: str) -> str:
    """The task in words, and if it was not given, why it was chosen and how to choose another."""
    if not reason or reason == GIVEN:
        return task
    if reason == SEVERAL:
        return f"{task}, since {reason}"
    other = "classification" if task == "regression" else "regression"
    return f"{task}, since the target suggests it: {reason} (--task {other} overrules that)"


def print_columns(data: "Dataset", most: int | None = None) -> bool:
    """Print what was understood of each column of a table, and its task; nothing for other data.

    Args:
        data: the data.
        most: number of columns to print; by default all.

    Returns:
        Whether there was anything to print.
    """
    from rich.table import Table

    from rlnas.columns.description import summaries
    from rlnas.files.plain_text import plain, plain_console

    rules = data.preprocessing
    if rules.encoding is None:
        return False
    targets = ", ".join(map(repr, rules.encoding.targets)) or "y"
    what = f"{data.n_classes} classes of {targets}" if data.n_classes else f"to predict {targets}"
    title = plain(f"{data.name}: {len(data.features):,} rows, {what}")
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
    print(f"task: {told_task(data.task, data.reason)}")
    return True

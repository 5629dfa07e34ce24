"""Design a compact network for a table of your own, and export it as C code.

    python examples/design_for_my_table.py

Takes some seconds: the policy that comes with rlnas is used, nothing has to be trained before. A
table is an array or a data frame of features, with one row for each sample, and an array of labels.
"""

from pathlib import Path

from sklearn.datasets import load_wine

from rlnas.agents import Designed, design, export_design


def main(out: Path = Path("designs/my_table"), penalty: float = 0.1) -> Designed:
    """Design, export, and print what was designed.

    Args:
        out: New folder for the design; the C code is in its folder `c`.
        penalty: Price of the reference number of weights, in accuracy; a higher price asks for
            fewer weights.
    """
    features, labels = load_wine(return_X_y=True)
    designed = design(dataset=(features, labels), out=out, penalty=penalty)
    exported = export_design(out, "c", name="wine", dataset=(features, labels))
    print(f"{designed.network.active_weights:,} active weights")
    print(f"test accuracy {designed.record['test_accuracy']:.1%}")
    print(f"C code in {exported.folder}")
    return designed


if __name__ == "__main__":
    main()

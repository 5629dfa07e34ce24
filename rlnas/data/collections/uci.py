"""The UCI tables, 17 real regression tasks: names, origin, and what they are for.

Source: the UCI Machine Learning Repository, Dua and Graff, *UCI Machine Learning Repository*,
University of California, Irvine, School of Information and Computer Sciences, 2017,
http://archive.ics.uci.edu/ml, which publications that use the tables should cite. They are read
from the collection by Trefor Evans, https://github.com/treforevans/uci_datasets, MIT licence, at
`COMMIT`. Each user downloads them; they are no part of rlnas.

Which tables: all of that collection with 300 to 20,000 rows, but for ``housing`` (Boston) and
``autompg``, which were used while rlnas was developed. All are tests: nothing is tuned on them.
Samples of two were seen in development under other names (`SEEN`); those of ``solar`` are also in
KEEL's ``flare-F``, which is for test.

A table is one CSV file: columns ``x1`` to ``xn``, then ``y``, the last column of the published
file, every value as it was published there: numbers, from which the collection has subtracted
the mean of each column. ``y`` is to be predicted, also where it has few values. It is not always
what the UCI repository suggests: that of ``wine`` is alcohol, with the quality among the features,
and that of ``bike`` is the logarithm of the sum of two features, ``x16`` and ``x17``.
"""

from dataclasses import dataclass
from pathlib import Path

from rlnas.data.collections.table import Table, listed

REPOSITORY = "https://github.com/treforevans/uci_datasets"
"""The collection that they are downloaded from."""

COMMIT = "f0737523712fe66a1640e4b980b927e8490b58eb"
"""The commit of the collection."""

SEEN = ("bike", "wine")
"""Tables with samples that were seen in development: ``bike`` shares half of them with Bikeshare of
the R package ISLR2, ``wine`` all with KEEL's ``winequality-red``. Studies leave them out."""

TARGET = "y"
"""Name of the column that is to be predicted."""


@dataclass(frozen=True, kw_only=True)
class UciTable(Table):
    """A table of the UCI repository.

    Attributes:
        packed_size: Length of the published file, a CSV file compressed with gzip, in bytes.
        packed_sha256: SHA-256 of the published file, in hexadecimal.
    """

    packed_size: int
    packed_sha256: str

    @property
    def packed_name(self) -> str:
        """The name of the published file where a user puts it by hand."""
        return f"{self.name}.csv.gz"

    @property
    def address(self) -> str:
        """Where the published file is on the web."""
        root = f"https://raw.githubusercontent.com/treforevans/uci_datasets/{COMMIT}"
        return f"{root}/uci_datasets/{self.name}/data.csv.gz"


TABLES = listed(Path(__file__).with_name("uci.tsv"), UciTable)
"""Every table by its name, sorted by name."""

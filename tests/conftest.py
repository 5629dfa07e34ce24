"""Where the tests find the real MNIST and Fashion-MNIST."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """A data root with the published files: $RLNAS_DATA_DIR, or shared/data beside the project."""
    shared = Path(__file__).parents[2] / "shared" / "data"
    for root in (Path(os.environ.get("RLNAS_DATA_DIR") or shared), shared):
        if (root / "mnist").is_dir() and (root / "fashion-mnist").is_dir():
            return root
    pytest.skip(f"the real data are absent: no RLNAS_DATA_DIR, no {shared}")

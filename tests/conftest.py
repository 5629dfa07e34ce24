"""Fixtures of all tests: where the real data are, and one thread for PyTorch."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("no clock", deadline=None)  # a busy machine is no failure
settings.load_profile("no clock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that read the real data."""
    for item in items:
        if "real_data_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """A data root with the published files: $RLNAS_DATA_DIR, or shared/data beside the project."""
    shared = Path(__file__).parents[2] / "shared" / "data"
    for root in (Path(os.environ.get("RLNAS_DATA_DIR") or shared), shared):
        if (root / "mnist").is_dir() and (root / "fashion-mnist").is_dir():
            return root
    pytest.skip(f"the real data are absent: no RLNAS_DATA_DIR, no {shared}")


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread():
    """Arrays and policies here are tiny: threads of PyTorch would only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

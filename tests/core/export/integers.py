"""A made-up network on features that are whole numbers, as exports see it."""

import numpy as np

from rlnas.data.preprocessing import Preprocessing, fit
from rlnas.export.inference import for_inference
from tests.core.reference import skip_network

SIZES = (12, 7, 5, 3)


def integer_rules(low: int, high: int, pixels: bool) -> Preprocessing:
    """Preprocessing of 12 features that are whole numbers in a range.

    Args:
        low: Smallest number.
        high: Largest number.
        pixels: Whether the features share one scale.
    """
    rng = np.random.default_rng(0)
    raw = rng.integers(low, high, (200, SIZES[0]), endpoint=True).astype(float)
    raw[0], raw[1] = low, high
    return fit(raw, np.arange(len(raw), dtype=np.int32), pixels, tuple("abc"), None)[0]


NETWORK = skip_network(SIZES, np.random.default_rng(0))
RULES = {
    "bytes": integer_rules(0, 255, pixels=True),
    "few levels": integer_rules(0, 16, pixels=True),
    "no dark bytes": integer_rules(20, 200, pixels=True),
    "bits": integer_rules(0, 1, pixels=True),
    "integers": integer_rules(-3000, 30000, pixels=False),
    "signed pixels": integer_rules(-128, 127, pixels=True),
}
INTEGERS = {name: for_inference(NETWORK, rules) for name, rules in RULES.items()}

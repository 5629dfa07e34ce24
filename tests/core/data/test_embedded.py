"""The data sets in scikit-learn's package are what its own functions read."""

import numpy as np
import pytest
import sklearn.datasets

from rlnas.data.embedded import EMBEDDED, read_samples


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_data_are_those_of_scikit_learn_bit_for_bit(name):
    data = EMBEDDED[name]
    features, labels = read_samples(data)
    expected = getattr(sklearn.datasets, f"load_{name}")()
    assert features.dtype == (np.uint8 if name == "digits" else np.float64)
    assert features.astype(np.float64).tobytes() == expected.data.tobytes()
    np.testing.assert_array_equal(labels, expected.target)
    assert data.class_names == tuple(map(str, expected.target_names))
    if name != "digits":
        assert data.feature_names == tuple(map(str, expected.feature_names))

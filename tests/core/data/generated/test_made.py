"""Generated problems whose names say what they are."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from rlnas.data.generated.made import KINDS, OF_VALUES, Made
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError


@st.composite
def problems(draw) -> Made:
    kind = draw(st.sampled_from(KINDS))
    image = kind == "strokes"
    classes = draw(st.integers(2, 5) | (st.just(0) if kind in OF_VALUES else st.integers(2, 5)))
    return Made(
        kind,
        draw(st.integers(400, 600)),
        draw(st.sampled_from([64, 81])) if image else draw(st.integers(1, 30)),
        classes,
        draw(st.sampled_from([0.0, 0.05, 0.4])),
        0.0 if image else draw(st.sampled_from([0.0, 0.5, 0.95])),
        0.0 if image else draw(st.sampled_from([0.0, 0.5, 1.0])),
        draw(st.sampled_from([1.0, 3.5])) if classes else 1.0,
        draw(st.integers(0, 2**32 - 1)),
    )


@settings(max_examples=60)
@given(problems())
def test_name_says_everything_and_samples_are_what_it_says(made):
    assert Made.of_name(made.name) == made
    features, truth = made.generate()
    again = Made.of_name(made.name).generate()
    np.testing.assert_array_equal(features, again[0])
    np.testing.assert_array_equal(truth, again[1])
    assert features.dtype == np.float32
    assert features.shape == (made.rows, made.features)
    assert np.isfinite(features).all()
    if made.classes:
        counts = np.bincount(truth, minlength=made.classes)
        assert counts.size == made.classes
        assert counts.max() / counts.min() == pytest.approx(made.imbalance, rel=0.25)
    else:
        assert len(np.unique(truth)) == made.rows


def correlation(features: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Absolute correlation of each feature, or of its square, with the values."""
    both = np.hstack([features, np.square(features)])
    return np.abs(np.corrcoef(both.T, values)[-1, :-1]).reshape(2, -1).max(axis=0)


def test_useless_features_say_nothing():
    made = Made("shells", 20_000, 40, 0, useless=0.75, seed=1)
    features, values = made.generate()
    assert (correlation(features, values) > 0.05).sum() == 10


def test_noise_is_the_share_that_cannot_be_predicted():
    values = {}
    for noise in (0.0, 0.3):
        _, values[noise] = Made("linear", 20_000, 30, 0, noise=noise, seed=2).generate()
    rest = values[0.3] - values[0.0]
    assert rest.var() / values[0.3].var() == pytest.approx(0.3, abs=0.02)
    clean, noisy = (
        Made("blobs", 20_000, 5, 4, noise=noise, seed=2).generate()[1] for noise in (0.0, 0.4)
    )
    assert np.mean(clean != noisy) == pytest.approx(0.4 * 0.75, abs=0.02)


def test_rough_features_have_few_values_or_long_tails():
    features, _ = Made("waves", 5000, 40, 3, rough=0.5, seed=3).generate()
    few = [len(np.unique(column)) < 10 for column in features.T]
    tails = np.abs(features - features.mean(axis=0)).max(axis=0) / features.std(axis=0) > 6
    assert 5 <= sum(few) <= 15
    assert 3 <= tails.sum() <= 20 - sum(few) + 1


def test_images_are_pixels():
    data = load_dataset("made:strokes:rows=300:features=64:classes=3")
    assert data.preprocessing.pixels
    assert load_dataset("made:waves:rows=300:features=8:classes=0").task == "regression"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("made:stars:rows=100:features=3:classes=2", "unknown kind 'stars': expected one of lin"),
        ("made:blobs:rows=100:features=3", "does not say classes"),
        ("made:blobs:rows=100:features=3:classes=two", "says 'classes=two': expected numbers"),
        ("made:blobs:rows=100:features=3:classes=2:size=3", "says 'size=3': expected numbers for"),
        ("made:blobs:rows=100:features=3:classes=0", "classes=0: expected at least 2 for blobs"),
        ("made:waves:rows=100:features=3:classes=1", "classes=1: expected 0 or at least 2"),
        ("made:waves:rows=100:features=3:classes=0:imbalance=2", "no imbalance without classes"),
        ("made:blobs:rows=9:features=3:classes=2", "rows=9: expected 50 to 1e"),
        ("made:strokes:rows=100:features=65:classes=2", "strokes are images: expected a square"),
        ("made:blobs:rows=100:features=3:classes=20", "would have less than 10 of 100 rows"),
        (
            "made:blobs:features=3:rows=100:classes=2:noise=0.0",
            "is called 'made:blobs:rows=100:features=3:classes=2': write it like this",
        ),
    ],
)
def test_name_of_no_problem_is_refused(name, message):
    with pytest.raises(InputError) as told:
        load_dataset(name)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_seed_changes_the_problem():
    first, second = (Made("blobs", 100, 4, 2, seed=seed).generate()[0] for seed in (0, 1))
    assert not np.allclose(first, second)

"""`CompactClassifier` and `CompactRegressor` keep the contracts of scikit-learn's estimators."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_classification, make_friedman1
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from rlnas import CompactClassifier, CompactRegressor, InputError, SparseNetwork
from rlnas.agents import evaluate_design

RNG = np.random.default_rng(0)
N = 120
Y = np.repeat(["wine", "beer", "tea"], N // 3)
FRAME = pd.DataFrame(
    {
        "strength": np.where(Y == "tea", 0.0, np.where(Y == "wine", 12.0, 5.0))
        + RNG.normal(size=N),
        "colour": pd.array([{"wine": "red", "beer": "gold", "tea": None}[y] for y in Y], "str"),
        "warm": Y == "tea",
        "brewed": pd.Timestamp("2026-01-01") + pd.to_timedelta(RNG.integers(300, size=N), "D"),
    }
)
FRAME.loc[::7, "strength"] = np.nan


RANDOM = {
    "check_sample_weight_equivalence_on_dense_data": "which samples are for validation, and in "
    "which batch, is drawn by number: repeating a sample is not the same as a larger weight"
}
"""The check that no estimator with random batches passes, and why."""


@parametrize_with_checks(
    [CompactClassifier(), CompactRegressor()], expected_failed_checks=lambda estimator: RANDOM
)
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


def test_frames_with_texts_gaps_dates_and_booleans_go_straight_in():
    classifier = CompactClassifier().fit(FRAME, Y)
    assert classifier.score(FRAME, Y) > 0.95
    assert classifier.classes_.tolist() == ["beer", "tea", "wine"]
    assert classifier.feature_names_in_.tolist() == list(FRAME.columns)
    assert classifier.n_features_in_ == 4
    assert isinstance(classifier.design_, SparseNetwork)


def test_polars_and_pandas_frames_give_the_same_bits():
    first = CompactClassifier().fit(FRAME, Y).predict_proba(FRAME)
    frame = pl.DataFrame({name: FRAME[name].tolist() for name in FRAME.columns}, strict=False)
    frame = frame.with_columns(pl.col("strength").fill_nan(None))
    assert (first == CompactClassifier().fit(frame, Y).predict_proba(frame)).all()


def test_same_seed_gives_same_bits_also_in_a_clone():
    x, y = load_iris(return_X_y=True)
    first = CompactClassifier(random_state=3).fit(x, y)
    again = clone(first).fit(x, y)
    other = CompactClassifier(random_state=4).fit(x, y)
    assert (first.predict_proba(x) == again.predict_proba(x)).all()
    assert (first.predict_proba(x) != other.predict_proba(x)).any()


def test_higher_penalty_of_one_seed_does_not_ask_for_more_weights_by_far():
    x, y = make_classification(300, n_features=10, n_informative=5, random_state=0)
    sizes = [
        CompactClassifier(penalty=p, n_episodes=3).fit(x, y).design_.active_weights
        for p in (0.01, 3.0)
    ]
    assert sizes[1] < sizes[0]


def test_best_of_several_episodes_is_taken():
    x, y = load_iris(return_X_y=True)
    fitted = [CompactClassifier(random_state=0, n_episodes=n).fit(x, y) for n in (1, 4)]
    one, four = (max(step["score"] for step in each.history_) for each in fitted)
    assert four >= one


def test_a_linear_problem_ends_as_a_linear_network():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 100))
    y = x @ rng.normal(size=100) > 0
    classifier = CompactClassifier(random_state=0).fit(x, y)
    record, network = classifier.record_, classifier.design_
    assert record["linear"]
    assert network.layer_sizes == tuple(record["layer_sizes"]) == (100, 2)
    assert network.active_weights == record["active_weights"] == 200
    assert classifier.score_ == record["score"]
    assert len(classifier.history_[0]["layer_sizes"]) == 3


def test_works_in_pipelines_searches_and_parallel_cross_validation():
    x, y = load_iris(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(StandardScaler(), CompactClassifier())
    pipeline.set_output(transform="pandas")
    assert cross_val_score(pipeline, x, y, cv=3, n_jobs=2).mean() > 0.8
    search = GridSearchCV(CompactClassifier(), {"penalty": [0.01, 0.1]}, cv=2).fit(x, y)
    assert search.best_params_["penalty"] in (0.01, 0.1)


@pytest.mark.parametrize("frame", [True, False])
def test_saved_classifier_predicts_the_same(tmp_path, frame):
    x, y = (FRAME, Y) if frame else load_iris(return_X_y=True)
    classifier = CompactClassifier().fit(x, y)
    classifier.save(tmp_path / "design")
    loaded = CompactClassifier.load(tmp_path / "design")
    assert (loaded.predict_proba(x) == classifier.predict_proba(x)).all()
    assert (loaded.predict(x) == classifier.predict(x)).all()
    assert loaded.n_features_in_ == classifier.n_features_in_


def test_exported_code_is_written(tmp_path):
    x, y = load_iris(return_X_y=True)
    CompactClassifier().fit(x, y).export("c", tmp_path / "c", name="iris")
    assert (tmp_path / "c" / "iris.c").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation": 2}, "validation 2 cannot be used"),
        ({"n_episodes": 0}, "n_episodes"),
        ({"penalty": -1}, "penalty"),
        ({"policy": "nowhere"}, "nowhere"),
        ({"categorical": ("flavour",)}, "no column 'flavour'"),
    ],
)
def test_bad_arguments_are_refused_in_fit(arguments, message):
    with pytest.raises(InputError, match=message):
        CompactClassifier(**arguments).fit(FRAME, Y)


def test_text_in_a_number_column_is_named_at_predict():
    classifier = CompactClassifier().fit(FRAME, Y)
    rows = FRAME.head(3).astype({"strength": object})
    rows.loc[1, "strength"] = "strong"
    with pytest.raises(
        InputError, match=r"'strong' in row 1, column 'strength', expected a number"
    ):
        classifier.predict(rows)


def test_numbered_columns_of_an_array_may_be_categorical():
    x = np.column_stack([RNG.integers(0, 5, 200), RNG.normal(size=200)])
    y = np.isin(x[:, 0], [1, 3])
    classifier = CompactClassifier(categorical=(0,)).fit(x, y)
    assert classifier.score(x, y) == 1
    assert classifier.classes_.tolist() == [False, True]


def test_saving_and_exporting_replace_nothing(tmp_path):
    classifier = CompactClassifier().fit(FRAME, Y)
    classifier.save(tmp_path / "design")
    before = (tmp_path / "design" / "design.json").read_bytes()
    for replace in (lambda: classifier.save(tmp_path / "design"),
                    lambda: classifier.export("c", tmp_path / "design")):  # fmt: skip
        with pytest.raises(InputError, match="not empty"):
            replace()
    assert (tmp_path / "design" / "design.json").read_bytes() == before


def test_saved_classifier_is_evaluated_on_a_table_with_the_name_of_its_classes(tmp_path):
    classifier = CompactClassifier().fit(FRAME, pd.Series(Y, name="drink"))
    classifier.save(tmp_path / "design")
    FRAME.assign(drink=Y).to_csv(tmp_path / "drinks.csv", index=False)
    found = evaluate_design(tmp_path / "design", str(tmp_path / "drinks.csv"))
    assert found["test_accuracy"] == classifier.score(FRAME, Y)


# --- numbers ---

SIZES = FRAME.assign(price=100 + 20 * FRAME["strength"].fillna(5) + 3 * RNG.normal(size=N))
PRICE = SIZES.pop("price")


def test_frames_go_straight_into_the_regressor_and_numbers_come_out_in_their_units():
    regressor = CompactRegressor().fit(SIZES, PRICE)
    assert regressor.score(SIZES, PRICE) > 0.8
    found = regressor.predict(SIZES)
    assert found.shape == (N,)
    assert found.mean() == pytest.approx(PRICE.mean(), rel=0.05)
    assert regressor.record_["objective"]["metric"] == "r2"


def test_several_targets_have_a_column_each():
    x, y = make_friedman1(300, random_state=0)
    both = pd.DataFrame({"up": y, "down": 1000 - 5 * y})
    regressor = CompactRegressor(penalty=0.01).fit(x, both)
    found = regressor.predict(x)
    assert found.shape == (300, 2)
    assert regressor.preprocessing_.targets.names == ("up", "down")
    assert regressor.score(x, both) > 0.8
    assert CompactRegressor().fit(x, y[:, None]).predict(x).shape == (300, 1)


@pytest.mark.parametrize("targets", [1, 2])
def test_saved_regressor_predicts_the_same(targets, tmp_path):
    x, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, -y])[:, :targets].squeeze()
    regressor = CompactRegressor().fit(x, y)
    regressor.save(tmp_path / "design")
    loaded = CompactRegressor.load(tmp_path / "design")
    assert (loaded.predict(x) == regressor.predict(x)).all()
    with pytest.raises(InputError, match="predicts numbers: CompactRegressor"):
        CompactClassifier.load(tmp_path / "design")


def test_saved_regressor_is_evaluated_on_a_table_with_the_name_of_its_target(tmp_path):
    regressor = CompactRegressor().fit(SIZES, PRICE)
    regressor.save(tmp_path / "design")
    SIZES.assign(price=PRICE).to_csv(tmp_path / "prices.csv", index=False)
    found = evaluate_design(tmp_path / "design", str(tmp_path / "prices.csv"))
    assert found["test_r2"] == pytest.approx(regressor.score(SIZES, PRICE), abs=1e-4)


def test_robust_loss_resists_outliers():
    x = RNG.normal(size=(300, 3))
    clean = x @ [3.0, -2, 1]
    y = clean + (RNG.random(300) < 0.05) * RNG.choice([-80, 80], 300)
    errors = [
        np.abs(CompactRegressor(loss=loss, penalty=1e-3).fit(x, y).predict(x) - clean).mean()
        for loss in ("squared", "huber")
    ]
    assert errors[1] < errors[0]


# --- weights and metrics ---


def test_balanced_class_weights_find_a_rare_class():
    x = RNG.normal(size=(600, 4))
    y = x[:, 0] + 0.7 * RNG.normal(size=600) > 1.9
    plain, balanced = (
        CompactClassifier(class_weight=weight).fit(x, y) for weight in (None, "balanced")
    )
    assert balanced.predict(x)[y].mean() > plain.predict(x)[y].mean() + 0.2


def test_class_weights_may_have_classes_of_any_type_as_names():
    for y, weights in ((Y, {"tea": 5}), (Y == "tea", {True: 5})):
        classifier = CompactClassifier(class_weight=weights).fit(FRAME, y)
        assert classifier.score(FRAME, y) > 0.9


def test_samples_without_weight_are_not_learned():
    x = RNG.normal(size=(400, 3))
    y = np.where(np.arange(400) < 200, x[:, 0] > 0, x[:, 0] <= 0)  # the second half contradicts
    weights = np.repeat([1.0, 0.0], 200)
    classifier = CompactClassifier().fit(x, y, sample_weight=weights)
    assert classifier.score(x, y, sample_weight=weights) > 0.9


def test_weights_are_routed_through_a_pipeline():
    x, y = load_iris(return_X_y=True)
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = CompactClassifier().set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), classifier)
        weights = np.where(y == 0, 0.0, 1.0)
        fitted = pipeline.fit(x, y, sample_weight=weights)
    direct = CompactClassifier().fit(StandardScaler().fit_transform(x), y, weights)
    assert (fitted.predict(x) == direct.predict(StandardScaler().fit_transform(x))).all()


def test_designs_are_judged_by_the_metric_that_is_asked_for():
    x, y = make_classification(300, weights=[0.8], random_state=0)
    for metric in ("balanced_accuracy", "log_loss", lambda labels, shares: 0.5):
        classifier = CompactClassifier(metric=metric).fit(x, y)
        if callable(metric):
            assert {step["val_metric"] for step in classifier.history_} == {0.5}
        else:
            assert classifier.record_["objective"]["metric"] == metric


@pytest.mark.parametrize(
    ("estimator", "weights", "message"),
    [
        (CompactClassifier(), -np.ones(N), "weights have -1 in row 0, expected finite numbers"),
        (CompactClassifier(), np.zeros(N), "weights are all zero"),
        (CompactClassifier(metric="r2"), None, "metric 'r2' is for regression, but this is class"),
        (CompactClassifier(metric="f9"), None, "metric 'f9' is unknown: expected accuracy or"),
        (
            CompactClassifier(class_weight={"rum": 2}),
            None,
            "name the class 'rum', expected one of",
        ),
        (CompactClassifier(class_weight={"tea": -2}), None, "class weight -2 of 'tea'"),
        (
            CompactClassifier(class_weight=dict.fromkeys(["wine", "beer", "tea"], 0)),
            None,
            "class weights leave all training samples without weight",
        ),
        (CompactClassifier(class_weight="even"), None, "expected 'balanced' or weights such as"),
        (CompactRegressor(metric="accuracy"), None, "'accuracy' is for classification, but this"),
        (
            CompactRegressor(loss="absolute"),
            None,
            "loss 'absolute' is unknown: expected squared or",
        ),
    ],
)
def test_weights_and_metrics_that_cannot_be_used_are_refused(estimator, weights, message):
    y = PRICE if isinstance(estimator, CompactRegressor) else Y
    with pytest.raises(InputError, match=message) as caught:
        estimator.fit(FRAME, y, sample_weight=weights)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(N, 3.5), "target 'y' is 3.5 in all training samples"),
        (1e9 + RNG.normal(size=N), "varies by .* which float32 does not resolve: subtract"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(y, message):
    with pytest.raises(InputError, match=message):
        CompactRegressor().fit(FRAME, y)


def test_a_search_keeps_its_limit_and_the_seed_gives_the_same_bits(tmp_path):
    x, y = load_iris(return_X_y=True)
    made = [CompactClassifier(max_bytes=100, trials=2).fit(x, y) for _ in range(2)]
    assert (made[0].predict_proba(x) == made[1].predict_proba(x)).all()
    facts = made[0].export("c-int8", tmp_path / "c")
    assert facts["flash"] <= 100
    assert made[0].score(x, y) > 0.9
    made[0].save(tmp_path / "saved")
    again = CompactClassifier.load(tmp_path / "saved")
    assert (again.predict_proba(x) == made[0].predict_proba(x)).all()
    assert again.record_["search"]["limits"] == {"max_bytes": 100}


def test_a_regressor_searches_within_limits_as_well(tmp_path):
    x, y = load_diabetes(return_X_y=True)
    regressor = CompactRegressor(max_weights=15, trials=3).fit(x, y)
    assert regressor.design_.active_weights <= 15
    assert regressor.score(x, y) > 0.3
    regressor.save(tmp_path / "saved")
    assert (CompactRegressor.load(tmp_path / "saved").predict(x) == regressor.predict(x)).all()
    with pytest.raises(InputError, match="the best R² is"):
        CompactRegressor(min_accuracy=0.999, trials=2).fit(x, y)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"max_weights": 0}, "--max-weights 0 cannot be used"),
        ({"time": "soon"}, "--time soon cannot be used"),
        ({"time": 1, "trials": 2}, "exclude each other"),
        ({"trials": 2, "n_episodes": 2}, "n_episodes and a search exclude each other"),
        ({"max_bytes": 1, "trials": 1}, "nothing fits --max-bytes 1 as c-int8"),
    ],
)
def test_what_no_search_can_find_is_told(asked, told):
    x, y = load_iris(return_X_y=True)
    with pytest.raises(InputError, match=told):
        CompactClassifier(**asked).fit(x, y)

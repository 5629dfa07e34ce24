"""`CompactClassifier` keeps the contracts of scikit-learn's estimators."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from rlnas import CompactClassifier, InputError, SparseNetwork
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


@parametrize_with_checks([CompactClassifier()])
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

"""The history of a search: costs add up, the best design is the first with the highest score."""

from rlnas.agents.search.history import Evaluation, SearchHistory


def test_new_history_is_empty():
    history = SearchHistory()
    assert (history.spent, history.scores, history.best) == (0, [], None)


def test_costs_accumulate_over_evaluations():
    history = SearchHistory()
    for cost in (3, 1, 25):
        history.add(cost, score=0.5, accuracy=0.75, weights=40.0, design=())
    assert [each.cumulative_cost for each in history.evaluations] == [3, 4, 29]
    assert history.spent == 29
    assert history.evaluations[-1] == Evaluation(29, 0.5, 0.75, 40.0)


def test_what_led_to_no_evaluation_is_spent_all_the_same():
    history = SearchHistory()
    history.charge(5)
    assert (history.spent, history.evaluations, history.best) == (5, [], None)
    history.add(3, score=0.5, accuracy=0.75, weights=40.0, design=())
    history.charge(2)
    history.add(1, score=0.4, accuracy=0.75, weights=40.0, design=())
    assert [each.cumulative_cost for each in history.evaluations] == [8, 11]
    assert history.spent == 11


def test_best_is_first_design_with_highest_score():
    history = SearchHistory()
    found = []
    for width, score in [(4, -0.5), (8, 0.25), (16, 0.25), (32, 0.0), (64, 0.5)]:
        history.add(1, score, accuracy=0.0, weights=1.0, design=((width, 1.0),))
        found.append((history.best, history.best_score))
    assert found == [
        (((4, 1.0),), -0.5),
        (((8, 1.0),), 0.25),
        (((8, 1.0),), 0.25),
        (((8, 1.0),), 0.25),
        (((64, 1.0),), 0.5),
    ]
    assert history.scores == [-0.5, 0.25, 0.25, 0.0, 0.5]

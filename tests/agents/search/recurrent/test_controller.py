"""The recurrent controller: what it draws is what it says, and its probabilities are right."""

from itertools import product

import numpy as np
import pytest
import torch

from rlnas.agents.search.recurrent.controller import (
    ControllerSize,
    Episode,
    RecurrentController,
    evaluate_actions,
    new_generator,
    sample_episode,
)

N_ACTIONS, STEPS = 3, 4


def controller_of(seed: int = 0, layers: int = 2, bound: float = 1.0) -> RecurrentController:
    """A tiny controller far from uniform choices."""
    return RecurrentController(
        N_ACTIONS, ControllerSize(layers, 5, bound), torch.Generator().manual_seed(seed)
    )


def legal_after(actions: tuple[int, ...]) -> np.ndarray:
    """A rule in which the past decides: no action three times in a row, 2 not as the first."""
    mask = np.ones(N_ACTIONS, bool)
    if not actions:
        mask[2] = False
    elif actions[-2:] == (actions[-1],) * 2:
        mask[actions[-1]] = False
    return mask


class Rules:
    """Plays by `legal_after`; the score is the last action."""

    def play(self, choose) -> float:
        taken: tuple[int, ...] = ()
        for step in range(STEPS):
            mask = legal_after(taken)
            taken += (choose(np.full(2, step), mask),)
            assert mask[taken[-1]]
        return float(taken[-1])


def episode_of(actions: tuple[int, ...]) -> Episode:
    """An episode of these actions, whether legal or not."""
    masks = np.array([legal_after(actions[:step]) for step in range(len(actions))])
    return Episode(torch.tensor(actions), torch.tensor(masks), 0.0)


def likelihoods(controller: RecurrentController, episodes: list[Episode]) -> np.ndarray:
    """Probabilities of whole episodes, float64 `[episodes]`."""
    with torch.no_grad():
        return evaluate_actions(controller, episodes)[0].double().sum(dim=1).exp().numpy()


ALL = list(product(range(N_ACTIONS), repeat=STEPS))
LEGAL = [all(legal_after(each[:step])[each[step]] for step in range(STEPS)) for each in ALL]


@pytest.mark.parametrize("layers", [1, 2])
def test_probabilities_sum_to_one_over_legal_episodes_and_are_zero_for_illegal_ones(layers):
    found = likelihoods(controller_of(layers=layers), [episode_of(each) for each in ALL])
    assert 0 < sum(LEGAL) < len(ALL)
    assert found[LEGAL].sum() == pytest.approx(1, abs=1e-5)
    assert (found[LEGAL] > 0).all()
    assert (found[np.logical_not(LEGAL)] == 0).all()


def test_sampled_episodes_have_frequencies_of_their_probabilities():
    controller, generator = controller_of(3), torch.Generator().manual_seed(1)
    n = 1500
    drawn = [
        tuple(sample_episode(controller, Rules(), generator).actions.tolist()) for _ in range(n)
    ]
    expected = n * likelihoods(controller, [episode_of(each) for each in ALL])
    counts = np.array([drawn.count(each) for each in ALL])
    assert counts[np.logical_not(LEGAL)].sum() == 0
    often = expected > 5
    assert often.sum() > 10
    squares = (counts - expected)[often] ** 2 / expected[often]
    assert squares.sum() < often.sum() + 4 * np.sqrt(2 * often.sum())  # chi squared


def test_evaluate_actions_equals_probabilities_at_sampling(monkeypatch):
    seen = []

    def spy(probabilities, *args, original=torch.multinomial, **settings):
        seen.append(probabilities.clone())
        return original(probabilities, *args, **settings)

    monkeypatch.setattr(torch, "multinomial", spy)
    controller, generator = controller_of(2), torch.Generator().manual_seed(0)
    episodes = [sample_episode(controller, Rules(), generator) for _ in range(6)]
    taken, entropies = evaluate_actions(controller, episodes)
    at_the_draw = torch.stack(seen).reshape(6, STEPS, N_ACTIONS)
    actions = torch.stack([episode.actions for episode in episodes])
    chosen = at_the_draw.gather(2, actions[..., None])[..., 0]
    torch.testing.assert_close(taken.exp(), chosen, rtol=1e-5, atol=1e-6)
    truth = torch.special.entr(at_the_draw).sum(dim=2)
    torch.testing.assert_close(entropies, truth, rtol=1e-5, atol=1e-6)


def test_a_short_episode_has_the_same_probabilities_beside_a_longer_one():
    controller = controller_of(2)
    short, long = episode_of((1, 0)), episode_of((0, 1, 2, 1))
    (alone,), (uncertainty,) = evaluate_actions(controller, [short])
    taken, entropies = evaluate_actions(controller, [long, short])
    torch.testing.assert_close(taken[1, :2], alone)
    torch.testing.assert_close(entropies[1, :2], uncertainty)
    assert taken[1, 2:].tolist() == entropies[1, 2:].tolist() == [0, 0]
    taken.sum().backward()
    gradients = [parameter.grad for parameter in controller.parameters()]
    expected = controller_of(2)
    for episode in (short, long):
        evaluate_actions(expected, [episode])[0].sum().backward()
    for found, parameter in zip(gradients, expected.parameters(), strict=True):
        torch.testing.assert_close(found, parameter.grad, rtol=1e-4, atol=1e-6)


def test_sample_episode_records_actions_masks_and_score():
    generator = torch.Generator().manual_seed(0)
    episode = sample_episode(controller_of(), Rules(), generator)
    actions = tuple(episode.actions.tolist())
    assert len(actions) == STEPS
    np.testing.assert_array_equal(episode.masks, episode_of(actions).masks)
    assert episode.score == actions[-1]


def test_action_depends_on_earlier_actions_only():
    controller = controller_of()
    masks = torch.ones(STEPS, N_ACTIONS, dtype=torch.bool)

    def at(*actions: int) -> torch.Tensor:
        episode = Episode(torch.tensor(actions), masks, 0.0)
        return evaluate_actions(controller, [episode])[0][0]

    first, second = at(0, 1, 2, 1), at(1, 1, 2, 1)
    assert (first != second).all()
    torch.testing.assert_close(at(0, 1, 2, 0)[:3], first[:3])


def test_observations_have_no_influence():
    class Blind(Rules):
        def play(self, choose) -> float:
            noise = np.random.default_rng(0)
            return super().play(lambda _, mask: choose(noise.random(9), mask))

    controller = controller_of()
    one = sample_episode(controller, Rules(), torch.Generator().manual_seed(5))
    other = sample_episode(controller, Blind(), torch.Generator().manual_seed(5))
    assert one.actions.tolist() == other.actions.tolist()


def test_gradients_are_finite_when_one_action_is_legal():
    masks = torch.zeros(STEPS, N_ACTIONS, dtype=torch.bool)
    masks[:, 1] = True
    masks[0] = True
    controller = controller_of()
    taken, entropies = evaluate_actions(
        controller, [Episode(torch.tensor([0, 1, 1, 1]), masks, 0.0)]
    )
    assert taken[0, 1:].tolist() == entropies[0, 1:].tolist() == [0, 0, 0]
    (taken.sum() + entropies.sum()).backward()
    gradients = [parameter.grad for parameter in controller.parameters()]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)


def test_initial_parameters_are_uniform_and_depend_on_generator_only():
    torch.manual_seed(1)
    one = controller_of(7, bound=0.08)
    torch.manual_seed(2)
    other = controller_of(7, bound=0.08)
    values = torch.cat([parameter.flatten() for parameter in one.parameters()])
    again = torch.cat([parameter.flatten() for parameter in other.parameters()])
    assert torch.equal(values, again)
    assert 0.075 < values.abs().max() <= 0.08
    assert values.std().item() == pytest.approx(0.16 / np.sqrt(12), rel=0.1)


def test_new_generator_is_seeded_by_given_generator():
    draws = [
        torch.rand(3, generator=new_generator(np.random.default_rng(seed))).tolist()
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]

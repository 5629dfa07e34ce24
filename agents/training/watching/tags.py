"""What is logged under which name: the tags of TensorBoard, which are columns of `progress.csv`.

The part before the slash is the group that TensorBoard shows together:

- `score/`: how good the designs at the end of episodes are, on validation samples;
- `size/` and `density/`: how large they are;
- `actions/`: what the policy does, as shares of the steps of a rollout;
- `training_length/` and `cost/`: with a budget, how long it trains, and what an episode spends;
- `eval/`: how good the policy is on held-out episodes;
- `rollout/`, `time/` and `train/`: what Stable-Baselines3 logs.
"""

import re

FINAL, ANYTIME = "score/final", "score/anytime"
BEST_OF_EPISODE, BEST_SEEN = "score/best_of_episode", "score/best_seen"
METRIC, DIVERGED = "score/validation_metric", "score/diverged"
WEIGHTS, DEPTH = "size/active_weights", "size/depth"
DENSITY, OUTPUT_DENSITY = "density/all", "density/output"
ACTIONS, LENGTHS, HIDDEN_DENSITY = "actions/", "training_length/", "density/hidden_"
EVALUATED, EVALUATED_METRIC = "eval/score", "eval/validation_metric"
EVALUATED_WEIGHTS = "eval/active_weights"
SPENT, SPENT_SHARE = "cost/spent", "cost/spent_share"
SPEED = "time/environment_steps_per_second"
BEST_NETWORK, TRADEOFF = "pictures/best_network", "pictures/metric_against_weights"

_MEANINGS = {
    FINAL: "Score of the last design of an episode: the metric on validation samples less the "
    "price of the weights. Mean over the episodes that ended in the rollout.",
    ANYTIME: "Mean of the best score so far over the logarithm of the cost of an episode.",
    BEST_OF_EPISODE: "Best score in an episode. Mean over those that ended in the rollout.",
    BEST_SEEN: "Best score of any design that the training has seen; that design is in `best/`.",
    METRIC: "Metric of the last design of an episode on validation samples, without the price of "
    "the weights.",
    DIVERGED: "Share of the steps after which the network was no longer finite and was put back.",
    WEIGHTS: "Active weights of the last design of an episode.",
    DEPTH: "Hidden layers of the last design of an episode.",
    DENSITY: "Active weights of the last design of an episode, as a share of those that its "
    "layers would have if they were dense.",
    OUTPUT_DENSITY: "The same share for the connections to the outputs.",
    EVALUATED: "What the held-out episodes are judged by, by default the score of the last design: "
    "mean over episodes that are the same for all policies and that no training plays. The policy "
    "with the best mean is kept. Beside it the packaged controller, no edits, and random edits.",
    EVALUATED_METRIC: "Metric of the last designs of the held-out episodes, without the price.",
    EVALUATED_WEIGHTS: "Active weights of the last designs of the held-out episodes.",
    SPENT: "Training cost of an episode, in multiply-adds.",
    SPENT_SHARE: "Training cost of an episode, as a share of its budget.",
    SPEED: "Steps of all environments per second while experience is collected.",
    "time/fps": "Steps of all environments per second since the training was begun or resumed, "
    "updates of the policy included.",
    "rollout/ep_rew_mean": "Sum of the rewards of an episode, mean of the last hundred.",
    "rollout/ep_len_mean": "Steps of an episode, mean of the last hundred.",
    "train/approx_kl": "KL divergence of the policy after the update from the one before; an "
    "update stops early at --target-kl.",
    "train/clip_fraction": "Share of the steps whose probability ratio was clipped.",
    "train/clip_range": "Limit of the probability ratio of PPO.",
    "train/entropy_loss": "Mean of the negative entropy of the policy: near 0 it is sure of "
    "what it does.",
    "train/explained_variance": "Share of the variance of the returns that the value network "
    "explains: 1 at best, 0 if it knows no more than their mean.",
    "train/learning_rate": "Step size of the update; falls to 0 in the training.",
    "train/loss": "Loss of the last minibatch: policy, value and entropy together.",
    "train/policy_gradient_loss": "Mean loss of the policy in the update.",
    "train/value_loss": "Mean squared error of the value network in the update.",
}
"""What the values of a tag are."""

_FAMILIES = {
    re.escape(ACTIONS) + "refused": "Share of the steps whose action was not possible.",
    re.escape(ACTIONS) + r"(\w+)": r"Share of the steps with the action '\1'.",
    re.escape(LENGTHS) + r"(\w+)": r"Share of the steps with \1 training after the edit.",
    re.escape(HIDDEN_DENSITY) + r"(\d+)": r"Share of active weights in hidden layer \1.",
}
"""The same for tags of a pattern; the first that fits counts."""


def meaning(tag: str) -> str:
    """What the values of a tag are, in words; nothing for a tag that is not ours."""
    if tag in _MEANINGS:
        return _MEANINGS[tag]
    for pattern, text in _FAMILIES.items():
        if found := re.fullmatch(pattern, tag):
            return found.expand(text)
    return ""

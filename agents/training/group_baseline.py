"""Groups of environments that play the same episodes; each is paid what it gains over the others.

Tasks differ far more than policies do. The mean reward of the others in the group, in the same
step of the same episode (data set, penalty, starting network, batches), is a baseline that does
not depend on the action taken: the policy gradient stays unbiased, most of its variance goes
(leave-one-out baseline: Kool et al. 2019; common random numbers: Ng & Jordan 2000).
"""

from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn


class SharedEpisodes(VecEnvWrapper):
    """Pay each environment its reward less the mean reward of the others in its group.

    Args:
        venv: environments whose episodes have the same length; those of a group are side by side,
            and in `SeededEpisodes` with the same seed.
        group: environments in a group, at least 2; divides their number.
    """

    def __init__(self, venv: VecEnv, group: int):
        super().__init__(venv)
        self.group = group

    def reset(self) -> VecEnvObs:
        """Start an episode everywhere."""
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        """Finish the step."""
        observations, rewards, dones, infos = self.venv.step_wait()
        groups = rewards.reshape(-1, self.group)
        others = (groups.sum(axis=1, keepdims=True) - groups) / (self.group - 1)
        return observations, (groups - others).ravel(), dones, infos

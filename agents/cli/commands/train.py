"""`rlnas train`."""

from dataclasses import dataclass

from rlnas.agents.config import WORKERS, TrainConfig
from rlnas.errors import InputError


@dataclass(frozen=True)
class Train(TrainConfig):
    """Train a design policy with PPO and write it to a run folder."""

    def run(self, shown: bool) -> None:
        """Train or resume, then say where the policy is and how good the best design is."""
        from rlnas.agents.designing.evaluation import describe_best_design
        from rlnas.agents.policies.run_config import read_train_config
        from rlnas.agents.training.ppo import resume, train
        from rlnas.agents.training.watching.evaluations import read_evaluations

        config = TrainConfig(**vars(self))
        where = {name: getattr(self, name) for name in WORKERS}
        if self.resume is None:
            folder = train(config, shown)
        elif config != TrainConfig(resume=self.resume, **where):
            raise InputError("--resume takes all settings from the run: leave out the others")
        else:
            folder = resume(self.resume, shown, **where)
        found = read_evaluations(folder)
        said = (
            ""
            if found is None
            else f", {found.in_words(folder, read_train_config(folder).timesteps)}"
        )
        print(f"policy in {folder}{said}")
        print(describe_best_design(folder))
        if shown:
            print(f"watch it with: tensorboard --logdir {folder.parent}")

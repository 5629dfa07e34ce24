"""`rlnas train`."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.agents.config import WORKERS, TrainConfig, as_typed
from rlnas.agents.option_types import Option
from rlnas.errors import InputError


@dataclass(frozen=True)
class Train(TrainConfig):
    """Train a design policy with PPO and write it to a run folder."""

    extend: Option[Path] = None
    """Run folder of a training that has ended, to go on with until it has --total-timesteps steps
    in all. All other settings are read from there, as with --resume."""
    seeds: Option[tuple[int, ...]] = None
    """Train with each of several seeds, in folders seed-0, ... of the run folder. The same command
    goes on where it was stopped; further seeds may be added."""
    typed: Annotated[frozenset[str], tyro.conf.Suppress] = field(default=frozenset(), compare=False)
    """The words of the command line, which tell a default that was typed from one that was not."""

    def run(self, shown: bool) -> None:
        """Train, resume or extend, then say where the policy is and how good the best design is."""
        from rlnas.agents.designing.evaluation import describe_best_design
        from rlnas.agents.policies.run_config import read_train_config
        from rlnas.agents.training.watching.evaluations import read_evaluations

        if self.seeds is not None:
            self._train_seeds(self.seeds, shown)
            return
        folder = self._trained(shown)
        print(f"policy in {folder}")
        if found := read_evaluations(folder):
            total = read_train_config(folder).timesteps
            print(f"the policy is {found.in_words(folder, total)}")
        print(describe_best_design(folder))
        if shown:
            print(f"watch it with: tensorboard --logdir {folder.parent}")

    def _trained(self, shown: bool) -> Path:
        from rlnas.agents.training.ppo import extend, resume, train

        where = {name: getattr(self, name) for name in WORKERS}
        if self.resume is not None and self.extend is not None:
            raise InputError("--resume and --extend: expected one of them, for one training")
        if self.resume is not None:
            self._check_same("--resume", self.resume)
            return resume(self.resume, shown, **where)
        if self.extend is not None:
            self._check_same("--extend", self.extend, "total_timesteps")
            if not self._is_given("total_timesteps"):
                raise InputError(
                    "--extend: give --total-timesteps, the steps of the whole training"
                )
            return extend(self.extend, self.total_timesteps, shown, **where)
        return train(self._settings(), shown)

    def _train_seeds(self, seeds: tuple[int, ...], shown: bool) -> None:
        from rlnas.agents.experiments.seeds import in_words, train_seeds

        again = "the same command goes on where it was stopped"
        reasons = {"seed": "it names all seeds", "resume": again, "extend": again}
        for name, reason in reasons.items():
            if self._is_given(name):
                raise InputError(f"--seeds: expected without --{name}, since {reason}")
        folder = train_seeds(self._settings(), seeds, shown)
        print(in_words(folder))
        if shown:
            print(f"see their curves with: rlnas report {folder}")

    def _settings(self) -> TrainConfig:
        return TrainConfig(**{each.name: getattr(self, each.name) for each in fields(TrainConfig)})

    def _check_same(self, option: str, run: Path, *others: str) -> None:
        """Raise `InputError` if a setting is given that a training in a folder has not.

        Args:
            option: The option that names the folder.
            run: The folder.
            *others: Settings that may differ.
        """
        from rlnas.agents.policies.run_config import read_train_config

        config = read_train_config(run)
        free = {"resume", *WORKERS, *others}
        names = [each.name for each in fields(TrainConfig) if each.name not in free]
        differing = [
            f"--{name.replace('_', '-')} {as_typed(getattr(self, name))} (there "
            f"{as_typed(getattr(config, name))})"
            for name in filter(self._is_given, names)
            if getattr(self, name) != getattr(config, name)
        ]
        if differing:
            raise InputError(
                f"{option} takes all settings from {run}, where others are: leave out "
                f"{', '.join(differing)}".replace("--dataset ", "")
            )

    def _is_given(self, name: str) -> bool:
        """Whether a setting was typed, or is not the default."""
        value = getattr(self, name)
        if name == "dataset":
            return any(each in self.typed for each in value) or value != TrainConfig.dataset
        typed = f"--{name.replace('_', '-')}" in self._options()
        return typed or value != getattr(Train, name)

    def _options(self) -> Iterator[str]:
        return (word.partition("=")[0].replace("_", "-") for word in self.typed)

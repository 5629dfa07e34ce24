# The public names of the agents, and where they are.

from .config import EvolveConfig as EvolveConfig, TrainConfig as TrainConfig
from .designing.design import (
    Designed as Designed,
    design as design,
    evaluate_policy as evaluate_policy,
)
from .designing.evaluation import evaluate_design as evaluate_design, export_design as export_design
from .distributed.worker_vec_env import WorkerVecEnv as WorkerVecEnv
from .experiments.compare import compare as compare
from .experiments.search_task import SearchTask as SearchTask
from .experiments.seeds import train_seeds as train_seeds
from .experiments.statistics import (
    Interval as Interval,
    trimmed_mean_interval as trimmed_mean_interval,
)
from .learning.learner import ArrayMaskablePPO as ArrayMaskablePPO, ArrayPPO as ArrayPPO
from .policies.environments import env_like as env_like
from .policies.episode import play_episode as play_episode, random_policy as random_policy
from .policies.policy import Policy as Policy, load_policy as load_policy
from .reports.film import film as film
from .reports.report import write_report as write_report
from .search.evolve import evolve as evolve
from .sparse_training.trainer import (
    SPARSE_TRAINERS as SPARSE_TRAINERS,
    SparseTrainer as SparseTrainer,
)
from .training.ppo import (
    extend as extend,
    resume as resume,
    train as train,
    train_once as train_once,
)

# The public names of the core and of the environments, and where they are.

from . import agents as agents
from .agents.estimators.classifier import CompactClassifier as CompactClassifier
from .agents.estimators.regressor import CompactRegressor as CompactRegressor
from .data.dataset import Dataset as Dataset
from .data.loading import load_dataset as load_dataset
from .data.preprocessing import Preprocessing as Preprocessing
from .designs.database import DesignDatabase as DesignDatabase, DesignRecord as DesignRecord
from .designs.prediction import Prediction as Prediction, predict_samples as predict_samples
from .designs.saved import (
    SavedDesign as SavedDesign,
    load_design as load_design,
    save_design as save_design,
)
from .envs.actions import ACTIONS as ACTIONS
from .envs.budget.actions import BUDGET_ACTIONS as BUDGET_ACTIONS
from .envs.budget.design_env import BudgetDesignEnv as BudgetDesignEnv
from .envs.budget.multi_objective import (
    MOBudgetDesignEnv as MOBudgetDesignEnv,
    MOBudgetDesignVectorEnv as MOBudgetDesignVectorEnv,
)
from .envs.budget.observations import BUDGET_OBSERVATION_NAMES as BUDGET_OBSERVATION_NAMES
from .envs.budget.vector_env import BudgetDesignVectorEnv as BudgetDesignVectorEnv
from .envs.design_env import DesignEnv as DesignEnv
from .envs.design_vector_env import DesignVectorEnv as DesignVectorEnv
from .envs.family.actions import FAMILY_ACTIONS as FAMILY_ACTIONS
from .envs.family.dynamics import FAMILY_OBSERVATION_NAMES as FAMILY_OBSERVATION_NAMES
from .envs.family.family_env import FamilyEnv as FamilyEnv
from .envs.family.live_env import (
    LiveFamilyEnv as LiveFamilyEnv,
    LiveFamilyVectorEnv as LiveFamilyVectorEnv,
)
from .envs.family.multi_objective import (
    MOFamilyEnv as MOFamilyEnv,
    MOFamilyVectorEnv as MOFamilyVectorEnv,
)
from .envs.family.vector_env import FamilyVectorEnv as FamilyVectorEnv
from .envs.multi_objective import (
    MODesignEnv as MODesignEnv,
    MODesignVectorEnv as MODesignVectorEnv,
    MOTabularEnv as MOTabularEnv,
    MOTabularVectorEnv as MOTabularVectorEnv,
)
from .envs.observations import OBSERVATION_NAMES as OBSERVATION_NAMES
from .envs.replay import ReplayableEnv as ReplayableEnv
from .envs.sb3_vec_env import (
    FamilyVecEnv as FamilyVecEnv,
    TabularVecEnv as TabularVecEnv,
    ThreadedVecEnv as ThreadedVecEnv,
)
from .envs.tabular.tabular_env import TabularEnv as TabularEnv
from .envs.tabular.vector_env import TabularVectorEnv as TabularVectorEnv
from .errors import EditError as EditError, InputError as InputError
from .export.c.sizes import c_bytes as c_bytes
from .export.formats import as_exported as as_exported, export_network as export_network
from .export.inference import Inference as Inference, for_inference as for_inference
from .export.torch_module import from_torch as from_torch, to_torch as to_torch
from .family.family_file import Family as Family, load_family as load_family
from .markdown import markdown_table as markdown_table
from .network_views import draw_network as draw_network
from .nn.architecture import Architecture as Architecture, layers_of as layers_of
from .nn.edits import (
    add_connections as add_connections,
    add_layer as add_layer,
    add_neurons as add_neurons,
    remove_connections as remove_connections,
    remove_layer as remove_layer,
    remove_neurons as remove_neurons,
)
from .nn.gradients import (
    GradientSample as GradientSample,
)
from .nn.initialization import random_network as random_network
from .nn.many import train_many as train_many
from .nn.network import SparseNetwork as SparseNetwork
from .nn.running import sample_gradients as sample_gradients
from .nn.training import (
    Batches as Batches,
    Evaluation as Evaluation,
    Hyperparameters as Hyperparameters,
    evaluate as evaluate,
    final_training as final_training,
    predict as predict,
    train as train,
)
from .registration import register as register
from .scoring import reference_weights as reference_weights, score as score
from .tabular.builder import build_table as build_table
from .tabular.grid import Grid as Grid
from .tabular.table import Table as Table
from .version import __version__ as __version__

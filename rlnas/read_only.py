"""Dataclasses whose arrays are read-only."""

from dataclasses import fields
from typing import Any

import numpy as np


class ReadOnlyArrays:
    """A frozen dataclass whose arrays are read-only, also after pickling into another process."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                view = value.view()  # so that the caller's own array stays as it was
                view.flags.writeable = False
                object.__setattr__(self, field.name, view)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # unpickled arrays are writeable

"""Where data sets are kept on this computer: the data roots, in the order of the search."""

import os
from pathlib import Path


def user_cache() -> Path:
    """The data root that `rlnas.data.fetching.download` fills by default."""
    import platformdirs  # here, to keep importing this module cheap

    return Path(platformdirs.user_cache_dir("rlnas"))


def roots(data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """The data roots: `data_dir` and ``$RLNAS_DATA_DIR`` if given, then the user's cache.

    Args:
        data_dir: A folder that holds a folder for each data set.
    """
    given = (data_dir, os.environ.get("RLNAS_DATA_DIR") or None)
    return [*(Path(os.path.expanduser(root)) for root in given if root is not None), user_cache()]

"""Training design policies, designing with them, and comparing them with rivals.

The public interface is what `rlnas.agents.__all__` names; each is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

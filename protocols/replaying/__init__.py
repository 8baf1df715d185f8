"""Counterexamples of the checked world, followed in another one.

``replay`` follows one in the simulator (``simulator``), ``actorum.replaying_real`` does it over real sockets. Both use
the script (``script``), the players of actors (``player``, ``messages``) and the stage that holds what is on its way
(``stage``); ``scene`` is what properties see of it.
"""

from protocols.replaying.scene import Replayed
from protocols.replaying.simulator import replay
from protocols.replaying.stage import Diverged

__all__ = ["Diverged", "Replayed", "replay"]

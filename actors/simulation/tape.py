"""Every choice of a simulated run comes from here: one stream of draws per concern, all forked from one seed.

A draw is recorded as a small integer, and 0 always means the benign choice: first in, first out; no fault; the shortest
delay. A run is repeated exactly by giving its recorded draws back, and made smaller by editing them: a stream that has
run out of given draws gives zeros. Knows nothing of actors, nodes or faults.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence

from core_ext.draws import STEPS, Draws

#: One stream of draws: ``below(n)``, ``choice(options)``, ``uniform(low, high)``, ``chance(p)``, ``shuffled(items)``.
Stream = Draws


class Tape:
    """All streams of one run.

    Args:
        seed: of every stream; the same seed gives the same draws, whatever the platform and the hash seed.
    """

    def __init__(self, seed: int) -> None:
        self.seed: int | None = seed
        self._given: Mapping[str, Sequence[int]] = {}
        self._streams: dict[str, Stream] = {}

    @classmethod
    def replay(cls, recorded: Mapping[str, Sequence[int]]) -> Tape:
        """A tape that gives recorded draws back, and zeros after them.

        Args:
            recorded: draws by label, as ``recorded()`` returned them, perhaps edited: a draw beyond what is asked for
                counts as the largest one allowed.
        """
        tape = cls(0)
        tape.seed = None
        tape._given = recorded
        return tape

    def stream(self, label: str) -> Stream:
        """The stream with this label; an extra draw in one does not move the others."""
        found = self._streams.get(label)
        if found is None:
            source = None if self.seed is None else random.Random(fork(self.seed, label)).random
            found = self._streams[label] = Draws(label, source, self._given.get(label, ()))
        return found

    def recorded(self) -> dict[str, list[int]]:
        """Every draw so far, by label, without the zeros at the ends (they come by themselves)."""
        result = {}
        for label, stream in self._streams.items():
            draws = list(stream.recorded)
            while draws and draws[-1] == 0:
                draws.pop()
            result[label] = draws
        return result

    def draws(self) -> int:
        """How many draws there were so far."""
        return sum(len(stream.recorded) for stream in self._streams.values())


def fork(seed: int, label: str) -> int:
    """The seed of a stream: 64 bits of SHA-256 over the run's seed and the label."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{label}".encode()).digest()[:8], "little")


__all__ = ["STEPS", "Stream", "Tape", "fork"]

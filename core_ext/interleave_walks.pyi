from core_ext.interleave import Interleaving

Trail = tuple[int, ...]

class RandomWalks(Interleaving):
    must: int
    may: int
    free: int
    promises: list[tuple[int, int]]
    depth: int
    noted: dict[int, Trail]
    broken: dict[int, Trail]
    dead_ends: dict[int, Trail]
    failed: tuple[Trail, int] | None
    def start(self, initial: list[tuple[int, ...]], seed: int) -> None: ...
    def walk(self, steps: int, longest: int) -> bool: ...

"""The twin of core_ext.stage_disk: the same in plain Python, written from the contract and not for speed."""

from __future__ import annotations

from typing import Any

from tests.simulation.twin_stage import STOPPING

PENDING = 1 << 62


class StageStream:
    def __init__(self) -> None:
        self.first, self.records, self.chunks = 1, [], ()  # type: ignore[var-annotated]

    def copy(self) -> StageStream:
        other = StageStream()
        other.first, other.records, other.chunks = self.first, [*self.records], self.chunks
        return other


class StageLog:
    def __init__(self, durable: dict[str, StageStream], kinds: tuple[type[Any], ...]) -> None:
        self.durable = durable
        self.present = {name: stream.copy() for name, stream in durable.items()}
        self.kinds = kinds
        self.opened: list[tuple[str, Any]] = []
        self.batches: list[list[tuple[str, Any]]] = []
        self.synced = self._under_way = 0

    @property
    def committed(self) -> int:
        return self.synced + len(self.batches)

    def stream(self, name: str) -> StageStream:
        return self.present.setdefault(name, StageStream())

    def apply(self, name: str, operation: Any, prepared: Any) -> None:
        self._change(self.stream(name), operation)
        self.opened.append((name, operation))

    def _change(self, stream: StageStream, operation: Any) -> None:
        by_position = dict(enumerate(stream.records, stream.first))
        match self.kinds.index(type(operation)):
            case 0:
                by_position[stream.first + len(by_position)] = operation.record
            case 1:
                by_position = {at: each for at, each in by_position.items() if at < operation.from_position}
            case 2:
                by_position = {at: each for at, each in by_position.items() if at >= operation.keep_from}
                stream.first, stream.chunks = operation.keep_from, operation.chunks
        stream.records = list(by_position.values())

    def commit(self) -> int:
        if not self.opened:
            return 0
        self.batches, self.opened = [*self.batches, self.opened], []
        return self.committed

    def sync_begins(self) -> None:
        self._under_way = len(self.batches)

    def sync_done(self) -> int:
        self.harden(self._under_way)
        return self.synced

    def harden(self, batches: int) -> None:
        for _ in range(batches):
            for name, operation in self.batches.pop(0):
                self._change(self.durable.setdefault(name, StageStream()), operation)
            self.synced += 1


class StageGates:
    def __init__(self, node: Any) -> None:
        self.node, self.store, self.gated = node, None, {}  # type: ignore[var-annotated]
        self.syncing = self.unsynced = False

    def __getattr__(self, name: str) -> Any:  # the subclass's
        raise AttributeError(name)

    def write(self, cell: Any, effects: list[Any]) -> bool:
        if not isinstance(self.store, StageLog):
            return bool(self.write_to_log(cell, effects))
        written = [effect for effect in effects if type(effect) in self.store.kinds]
        for effect in written:
            self.store.apply(cell.name, effect, None)
        if written:
            self.close_gate(cell)
        cell.hands.view.keep()
        self.answer_reads(cell, effects)
        return True

    def close_gate(self, cell: Any) -> None:
        if cell not in self.node.gating:
            self.node.gating.append(cell)
        cell.gate = PENDING
        self.gated[cell] = None

    def commit(self) -> None:
        store: Any = self.store
        written = list(self.node.gating)
        self.node.gating.clear()
        if store.failure is not None:
            self.failed()
            return
        batch = store.commit()
        for cell in written:
            cell.gate = cell.journal.batch = batch
            for at, (gate, effect) in enumerate(cell.gated):
                cell.gated[at] = (batch if gate == PENDING else gate, effect)
        if self.syncing:
            self.unsynced = True
        else:
            self._sync()

    def _sync(self) -> None:
        store: Any = self.store
        self.syncing, self.unsynced = True, False
        store.sync_begins()
        self.node.world.at(self.node.world.now_ns + self._sync_ns(), self._sync_is_done, None)

    def _sync_ns(self) -> int:
        node = self.node
        return int(node.disk_stream.uniform(*node.world.faults.disks.sync_seconds) * node.disk_slow * 1e9)

    def _sync_is_done(self, _: Any) -> None:
        node, store = self.node, self.store  # type: ignore[var-annotated]
        if node.durability is not self:
            return
        self.syncing = False
        node.synced = store.sync_done()
        node.world.fold(node.world.now_ns, node.synced)
        if node.traced:
            self.trace_sync()
        if store.failure is not None:
            self.failed()
        elif self.unsynced:
            self._sync()
        (node.hold if node.paused else _call)(self.open_gates, None)

    def open_gates(self, _: Any) -> None:
        for cell in list(self.gated):
            while cell.gated and cell.gated[0][0] <= self.node.synced:
                self.node.apply(cell, cell.gated.popleft()[1])
            if not cell.gate_closed():
                self.gated.pop(cell, None)
                if cell.state == STOPPING:
                    self.may_stop(cell)
        if not self.node.scheduled:
            self.node.turn()


def _call(function: Any, argument: Any) -> None:
    function(argument)

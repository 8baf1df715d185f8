from typing import Any

from core_ext.cell import Behaviour, Cell, Host
from core_ext.mailbox import Reference

class Table(Host):
    names: dict[str, Any]
    refusing: bool
    def check_message(self, message: object) -> None: ...
    def build(
        self, behaviour: Behaviour, args: tuple[Any, ...], name: str | None, supervision: object, parent: Cell | None,
        capacity: int, overflow: int, journal: object,
    ) -> Any: ...
    def find(self, target: Reference) -> Any: ...
    def put(
        self, name: str, incarnation: int, message: object, sender: object, correlation: int, kind: int, control: bool
    ) -> int: ...
    def bind(self, reference: Reference) -> Reference: ...

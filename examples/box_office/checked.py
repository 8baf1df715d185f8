"""The box office in the checked world: two fans, one seat, every interleaving.

    actorum verify checked.py:TwoFans --diagram two-fans.svg
    actorum verify checked.py:TwoFans --set careful=true
"""

from office import Bank, BoxOffice, Buy, CarefulBoxOffice

from actors import Actor, Answer, Context, Reference, on_answer
from actors.verification import Property, always, eventually
from actors.verification.actor_model import ActorModel


class Fan(Actor):
    """Wants a seat at once."""

    def __init__(self, office: Reference) -> None:
        self.office = office
        self.answer = ""

    def start(self, context: Context) -> None:
        context.request(self.office, Buy())

    @on_answer(Buy)
    def served(self, answer: Answer, context: Context) -> None:
        self.answer = "a seat" if answer.value else "too late"


class TwoFans(ActorModel):
    """Two fans and one seat."""

    def __init__(self, careful: bool = False) -> None:
        super().__init__()
        bank = self.spawn(Bank, name="bank")
        office = self.spawn(CarefulBoxOffice if careful else BoxOffice, bank, 1, name="office")
        self.spawn(Fan, office, name="alice")
        self.spawn(Fan, office, name="bob")

    def properties(self) -> list[Property]:
        return [
            always("no seat is sold twice", lambda state: state.actors["office"].seats >= 0),
            eventually("everybody is served", lambda state: all(
                state.actors[fan].answer for fan in ("alice", "bob")
            )),
        ]

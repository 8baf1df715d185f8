"""The box office in the simulated world: fans on nodes of their own, who want a seat at drawn moments.

    actorum simulate simulated.py:Sales --runs 200
    actorum simulate simulated.py:CarefulSales --runs 200
"""

from office import Bank, BoxOffice, Buy, CarefulBoxOffice

from actors import Actor, Answer, Context, Message, Reference, on, on_answer
from actors.simulation import BoundedDelay, Faults
from actors.simulation.swarm import Run, Scenario

SEATS = 2
FANS = 4


class Wish(Message):
    """A fan's timer: now."""


class Fan(Actor):
    """Wants a seat at some moment of the first second."""

    def __init__(self, office: Reference) -> None:
        self.office = office
        self.has_seat = False

    def start(self, context: Context) -> None:
        context.set_timer(Wish(), (0.0, 1.0))

    @on(Wish)
    def go(self, message: Wish, context: Context) -> None:
        context.request(self.office, Buy())

    @on_answer(Buy)
    def served(self, answer: Answer, context: Context) -> None:
        self.has_seat = bool(answer.value)


class Sales(Scenario):
    """One evening's sale."""

    name = "sales"
    goals = ("sold out",)
    office = BoxOffice

    def play(self, run: Run) -> None:
        simulation = run.world(faults=Faults(), time_model=BoundedDelay(0.0002, 0.02))
        bank = simulation.node("bank", lambda node: node.spawn(Bank, name="bank")).ref("bank")
        shop = simulation.node("shop", lambda node: node.spawn(self.office, bank, SEATS, name="office"))
        fans = [
            simulation.node(f"fan{number}", lambda node: node.spawn(Fan, shop.ref("office"), name="fan"))
            for number in range(FANS)
        ]
        simulation.invariant("no seat is sold twice", lambda node, office: office.seats >= 0, self.office)
        simulation.run(2.0)
        if sum(fan.actor("fan").has_seat for fan in fans) == SEATS:
            simulation.reached("sold out")


class CarefulSales(Sales):
    """The fixed one."""

    name = "careful-sales"
    office = CarefulBoxOffice

"""A box office that sells a seat when the bank has charged the fan. It has a bug, and a fixed version below it."""

from actors import Actor, Answer, Context, Reference, Request, on, on_answer


class Buy(Request[bool]):
    """A seat, please. True: it is yours."""


class Charge(Request[bool]):
    """To the bank."""


class Bank(Actor):
    """Everybody has enough money."""

    @on(Charge)
    def charge(self, message: Charge, context: Context) -> None:
        context.reply(True)


class BoxOffice(Actor):
    """Sells seats."""

    def __init__(self, bank: Reference, seats: int) -> None:
        self.bank = bank
        self.seats = seats

    @on(Buy)
    def buy(self, message: Buy, context: Context) -> None:
        if self.seats == 0:
            context.reply(False)
        else:
            context.request(self.bank, Charge(), key=context.defer())

    @on_answer(Charge)
    def charged(self, answer: Answer, context: Context) -> None:
        if answer.value:
            self.seats -= 1
        context.reply(bool(answer.value), to=answer.key)


class CarefulBoxOffice(BoxOffice):
    """Takes the seat aside before it talks to the bank, and puts it back when the bank says no."""

    @on(Buy)
    def buy(self, message: Buy, context: Context) -> None:
        if self.seats == 0:
            context.reply(False)
        else:
            self.seats -= 1
            context.request(self.bank, Charge(), key=context.defer())

    @on_answer(Charge)
    def charged(self, answer: Answer, context: Context) -> None:
        if not answer.value:
            self.seats += 1
        context.reply(bool(answer.value), to=answer.key)

"""Single-decree Paxos with each role as an actor of its own ("Paxos Made Simple"): proposers, acceptors, a learner.

Acceptors have a journal: a promise and an acceptance are on disk before anybody hears of them, so they may crash and
come back. The broken twins are an acceptor that forgets in a crash, and a proposer that does not heed promises.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.agreement import Agreement, Claim, Fault, Time
from core_ext.mailbox import Reference


class Ballot(Message, order=True, wire="models.paxos-roles.ballot"):
    """A round and a proposer: unique, ordered."""

    round: int
    proposer: str


class Prepare(Message, wire="models.paxos-roles.prepare"):
    """Phase 1a."""

    ballot: Ballot


class Promise(Message, wire="models.paxos-roles.promise"):
    """Phase 1b, with what was accepted last."""

    ballot: Ballot
    accepted: Ballot | None
    value: int | None


class Accept(Message, wire="models.paxos-roles.accept"):
    """Phase 2a."""

    ballot: Ballot
    value: int


class Accepted(Message, wire="models.paxos-roles.accepted"):
    """Phase 2b, to the learner; also the acceptor's journal record."""

    ballot: Ballot
    value: int


class Nack(Message, wire="models.paxos-roles.nack"):
    """Promised to a higher ballot."""

    ballot: Ballot
    promised: Ballot


class Promised(Message, wire="models.paxos-roles.journal.promised"):
    """Journal record of an acceptor."""

    ballot: Ballot


class Proposer(Actor):
    """Tries to get a value chosen, at most ``rounds`` times.

    Args:
        value: its own proposal.
        acceptors: all of them.
        rounds: attempts.
        heed: whether promises bind it.
    """

    def __init__(self, value: int, acceptors: Sequence[Reference], rounds: int = 1, heed: bool = True) -> None:
        self.value = value
        self.acceptors = tuple(acceptors)
        self.majority = len(self.acceptors) // 2 + 1
        self.rounds = rounds
        self.heed = heed
        self.ballot = Ballot(0, "")
        self.promises: tuple[tuple[str, Ballot | None, int | None], ...] = ()

    def start(self, context: Context) -> None:
        self.prepare(context, 1)

    def prepare(self, context: Context, round: int) -> None:
        self.ballot = Ballot(round, context.node)
        self.promises = ()
        for acceptor in self.acceptors:
            context.send(acceptor, Prepare(self.ballot))

    @on(Promise)
    def promise(self, message: Promise, context: Context) -> None:
        if message.ballot != self.ballot or len(self.promises) >= self.majority:
            return
        assert context.sender is not None
        self.promises = tuple(sorted(
            {*self.promises, (context.sender.name, message.accepted, message.value)}, key=lambda promise: promise[0]
        ))
        if len(self.promises) < self.majority:
            return
        known = [(accepted, value) for _, accepted, value in self.promises if accepted is not None]
        value = max(known)[1] if known and self.heed else self.value
        assert value is not None
        for acceptor in self.acceptors:
            context.send(acceptor, Accept(self.ballot, value))

    @on(Nack)
    def nack(self, message: Nack, context: Context) -> None:
        if message.ballot == self.ballot and self.ballot.round < self.rounds:
            self.prepare(context, message.promised.round + 1)


class Acceptor(Actor):
    """The memory of the protocol.

    Args:
        learner: who is told what it accepts.
    """

    def __init__(self, learner: Reference) -> None:
        self.learner = learner
        self.promised = Ballot(0, "")
        self.accepted: Ballot | None = None
        self.value: int | None = None

    def recover(self, record: Message) -> None:
        if isinstance(record, Promised):
            self.promised = record.ballot
        elif isinstance(record, Accepted):
            self.promised = self.accepted = record.ballot
            self.value = record.value

    @on(Prepare)
    def prepare(self, message: Prepare, context: Context) -> None:
        assert context.sender is not None
        if message.ballot < self.promised:
            context.send(context.sender, Nack(message.ballot, self.promised))
            return
        self.promised = message.ballot
        self.record(Promised(message.ballot), context)
        context.send(context.sender, Promise(message.ballot, self.accepted, self.value))

    @on(Accept)
    def accept(self, message: Accept, context: Context) -> None:
        assert context.sender is not None
        if message.ballot < self.promised:
            context.send(context.sender, Nack(message.ballot, self.promised))
            return
        self.promised = self.accepted = message.ballot
        self.value = message.value
        record = Accepted(message.ballot, message.value)
        self.record(record, context)
        context.send(self.learner, record)

    def record(self, record: Message, context: Context) -> None:
        context.journal.append(record)


class ForgetfulAcceptor(Acceptor):
    """The broken twin writes nothing down."""

    def record(self, record: Message, context: Context) -> None:
        pass


class Learner(Actor):
    """Learns what is chosen: a majority of distinct acceptors accepted one ballot.

    Args:
        acceptors: how many there are.
    """

    def __init__(self, acceptors: int) -> None:
        self.majority = acceptors // 2 + 1
        self.votes: tuple[tuple[str, Ballot, int], ...] = ()
        self.decided: int | None = None

    @on(Accepted)
    def accepted(self, message: Accepted, context: Context) -> None:
        assert context.sender is not None
        self.votes = tuple(sorted({*self.votes, (context.sender.name, message.ballot, message.value)}))
        voters = {name for name, ballot, _ in self.votes if ballot == message.ballot}
        if len(voters) >= self.majority and self.decided != message.value:
            self.decided = message.value


class PaxosRoles(Agreement):
    """Two proposers, acceptors that may crash and recover, one learner.

    Args:
        acceptors: how many.
        f: crashes of acceptors in one run.
        rounds: attempts of each proposer.
        broken: "", "forgets" or "heedless".
    """

    def __init__(self, acceptors: int = 3, f: int = 0, rounds: int = 1, broken: str = "") -> None:
        names = [f"acceptor-{number}" for number in range(acceptors)]
        super().__init__(
            Claim(Time.PARTIALLY_SYNCHRONOUS, Fault.CRASH, acceptors, f), recover=True,
            symmetric=[names] if acceptors > 1 else [],
        )
        learner = Reference("learner", "learner")
        references = [
            self.spawn(ForgetfulAcceptor if broken == "forgets" else Acceptor, learner, name=name) for name in names
        ]
        self.participant(Learner, acceptors, name="learner", may_crash=False)
        for number in (1, 2):
            self.participant(
                Proposer, number, references, rounds, broken != "heedless", name=f"proposer-{number}", proposes=number,
                decides=False, may_crash=False,
            )

"""Names of the shipped models; a line is added here for every model. Imports none of them."""

from __future__ import annotations

# Name for ``actorum verify``: (module, class or function that makes the model). Where a model is broken by an argument
# alone there is no second name for its broken twin.
MODELS: dict[str, tuple[str, str]] = {
    "two-phase-commit": ("protocols.models.two_phase_commit", "TwoPhaseCommit"),
    "two-phase-commit-hasty": ("protocols.models.two_phase_commit", "HastyTwoPhaseCommit"),
    "increment": ("protocols.models.increment", "Increment"),
    "increment-locked": ("protocols.models.increment", "LockedIncrement"),
    "dining-philosophers": ("protocols.models.dining_philosophers", "DiningPhilosophers"),
    "dining-philosophers-ordered": ("protocols.models.dining_philosophers", "OrderedPhilosophers"),
    "ping-pong": ("protocols.models.ping_pong", "PingPong"),
    "alternating-bit": ("protocols.models.alternating_bit", "AlternatingBit"),
    "ring-election": ("protocols.models.ring_election", "RingElection"),
    "single-copy-register": ("protocols.models.single_copy", "SingleCopyRegister"),
    "abd-register": ("protocols.models.abd", "AbdRegister"),
    "abd-register-hasty": ("protocols.models.abd", "HastyAbdRegister"),
    "paxos": ("protocols.models.paxos", "Paxos"),
    "paxos-roles": ("protocols.models.paxos_roles", "PaxosRoles"),
    "flood-set": ("protocols.models.flood_set", "FloodSet"),
    "flp": ("protocols.models.flp", "Flp"),
    "cap": ("protocols.models.cap", "Cap"),
    "oral-messages": ("protocols.models.oral_messages", "OralMessages"),
    "raft": ("protocols.raft.model", "Raft"),
    "raft-replication": ("protocols.raft.model", "RaftReplication"),
    "raft-figure-8": ("protocols.raft.model", "RaftFigure8"),
    "raft-reads": ("protocols.raft.model_reads", "RaftReads"),
    "raft-reads-of-five": ("protocols.raft.model_reads", "RaftReadsOfFive"),
    "detector": ("protocols.detector.model", "Detector"),
}

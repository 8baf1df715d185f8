"""Raft (Ongaro 2014): a replicated log with one leader. Spawn a ``RaftRole``; its owner speaks ``messages``."""

from protocols.raft.configuration import Configuration, configuration
from protocols.raft.recovery import DiskLost
from protocols.raft.role import RaftRole
from protocols.raft.settings import RaftSettings

__all__ = ["Configuration", "DiskLost", "RaftRole", "RaftSettings", "configuration"]

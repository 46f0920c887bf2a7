"""Process, health, cut-offs and proofs → attempts."""

from .breaker import Board, BreakerState
from .plan import Attempt, Plan, Skipped, plan
from .queues import Queues
from .timers import Timers

__all__ = ["Attempt", "Board", "BreakerState", "Plan", "Queues", "Skipped", "Timers", "plan"]

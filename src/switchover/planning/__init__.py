"""Process, health, cut-offs and proofs → attempts."""

from .breaker import Board, BreakerState
from .plan import Attempt, Plan, Skipped, plan
from .timers import Timers

__all__ = ["Attempt", "Board", "BreakerState", "Plan", "Skipped", "Timers", "plan"]

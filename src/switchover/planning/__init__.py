"""Process, health, pauses, cut-offs and proofs → attempts."""

from .breaker import Board, BreakerState
from .pauses import Pause
from .plan import Attempt, Plan, Skipped, plan
from .timers import Timers

__all__ = ["Attempt", "Board", "BreakerState", "Pause", "Plan", "Skipped", "Timers", "plan"]

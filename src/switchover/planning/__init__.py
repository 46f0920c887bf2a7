"""Process, health, cut-offs and proofs → attempts."""

from .breaker import Board, BreakerState
from .plan import Attempt, Plan, Skipped, plan
from .side import NEEDS, plan_request
from .timers import Timers

__all__ = ["NEEDS", "Attempt", "Board", "BreakerState", "Plan", "Skipped", "Timers", "plan", "plan_request"]

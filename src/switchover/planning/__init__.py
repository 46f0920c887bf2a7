"""Process, health, cut-offs and proofs → attempts."""

from .breaker import Board, BreakerState
from .plan import Attempt, Plan, Skipped, plan

__all__ = ["Attempt", "Board", "BreakerState", "Plan", "Skipped", "plan"]

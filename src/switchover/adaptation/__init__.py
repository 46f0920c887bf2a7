"""An adaptation: what makes a candidate good enough for a process."""

from .demonstrations import anchor
from .run import WAYS, Adaptation, Progress, adapt

__all__ = ["WAYS", "Adaptation", "Progress", "adapt", "anchor"]

"""One file per way to lose an upstream; each is named as drills and ``facts/faults.yaml`` name it."""

from .broken_stream import BrokenStream
from .denied import Denied
from .overloaded import Overloaded
from .refused import Refused
from .registry import FAULTS, make
from .slow import Slow
from .vanished import Vanished

__all__ = ["FAULTS", "BrokenStream", "Denied", "Overloaded", "Refused", "Slow", "Vanished", "make"]

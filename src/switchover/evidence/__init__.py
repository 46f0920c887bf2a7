"""The evidence log: what Switchover says happened, so that somebody who does not trust us can check it."""

from .log import EvidenceLog

__all__ = ["EvidenceLog"]

"""One file per wire format: bytes ↔ domain, no I/O."""

"""One file per way to compare answers."""

"""One file per way to lose an upstream."""

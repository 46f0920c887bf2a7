"""Public helpers for tests and the demo: fake vendor, scripted upstream, manual clock, builders, inbox."""

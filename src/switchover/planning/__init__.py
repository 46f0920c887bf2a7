"""Process, health, cut-offs and proofs → attempts."""

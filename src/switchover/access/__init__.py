"""Caller keys: made, stored and checked."""

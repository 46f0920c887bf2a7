"""Alerts out: what they say, and the channels that carry them."""

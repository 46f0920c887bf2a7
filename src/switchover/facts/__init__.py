"""Dated data with sources."""

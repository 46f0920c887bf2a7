"""The daily round: what changes by itself, and what is due."""

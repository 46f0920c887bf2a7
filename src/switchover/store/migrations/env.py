"""Alembic looks for this file; the work is done in ``migrate.py``, on a connection that is handed in."""

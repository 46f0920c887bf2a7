"""All SQL and the spool."""

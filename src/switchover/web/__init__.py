"""Pages for people, drawn from the report's data."""

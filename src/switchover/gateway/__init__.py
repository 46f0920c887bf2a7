"""A live request: admit → plan → attempt → relay → record."""

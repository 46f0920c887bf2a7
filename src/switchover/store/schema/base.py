"""What the tables share: their names for constraints, and what their columns are counted in."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)
NOT_COMPLETE = "outcome != 'complete'"
NOT_ARCHIVED = "archived IS NULL"
# Upper ends of the buckets in which times are counted, in ms; the last bucket has none.
BOUNDS_MS = (25, 50, 100, 150, 250, 400, 600, 1000, 1500, 2500, 4000, 6000, 10_000, 20_000, 60_000)
BUCKETS = {letter: tuple(f"{letter}{n:02d}" for n in range(len(BOUNDS_MS) + 1)) for letter in ("e", "c")}
MINUTES = tuple(f"m{n:02d}" for n in range(60))
RATIOS = ("answers", "read", "asked", "wrote", "told", "said")
# Of a longer sentence so much is enough to tell it from others.
SOURCE = 255
# An upstream may name its model as it likes; of a longer name so much is enough to count by.
MODEL_NAME = 128

"""Schema changes, appended: a revision that has been released is never edited."""

HEAD = "0026"

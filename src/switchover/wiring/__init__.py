"""Settings → running parts: the one place that names concrete classes.

Each public function is what one command does: it opens what it needs, lets the story run, and closes it again.
"""

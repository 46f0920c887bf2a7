"""A prompt version and how it is applied, live and in a trial."""

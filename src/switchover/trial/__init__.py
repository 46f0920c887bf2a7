"""What rehearsal and adaptation share: sample, split, replay, grade, decide."""

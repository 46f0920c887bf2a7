"""What rehearsal and adaptation share: cases, splits, replay, grading and the decision."""

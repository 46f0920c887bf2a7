"""A rehearsal: sample → replay → grade → decide → save."""

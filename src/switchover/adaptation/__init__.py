"""An adaptation: split → propose → replay → select → save."""

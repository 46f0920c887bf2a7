"""A drill: steady? → cut off → observe → lift → outcome → save."""

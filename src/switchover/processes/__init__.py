"""What runs: the supervisor, the keeper and the children."""

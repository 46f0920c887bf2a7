"""What our own machines can carry."""

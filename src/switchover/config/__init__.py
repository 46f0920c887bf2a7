"""What a valid configuration is, and how a file becomes frozen settings."""

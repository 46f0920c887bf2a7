"""Every outbound HTTP connection."""

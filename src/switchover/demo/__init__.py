"""The demo: the whole loop on an insurer's inbox, with one simulated part."""

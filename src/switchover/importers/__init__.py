"""AN IMPORT: exchanges from elsewhere become exchanges here, one file per source. Read ``run.py`` first."""

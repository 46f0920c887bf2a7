"""The archive: finished days as Parquet files, by process and day, in a folder or an object store."""

"""Personal data: found, left out of the record, and locked away so that it can be erased."""

"""Live updates: every open page learns what kind of its user's data has changed, but not the data."""

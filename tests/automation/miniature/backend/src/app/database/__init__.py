"""The database of the small backend: a file that says it has been migrated."""

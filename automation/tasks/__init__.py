"""The tasks that people type, a module for each theme. A task is its signature, its flags and one call."""

"""Tasks: their rules, tables and endpoints."""

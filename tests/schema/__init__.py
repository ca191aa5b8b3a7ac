"""The API against its own OpenAPI document: `python -m tests.schema` runs Schemathesis on both databases."""

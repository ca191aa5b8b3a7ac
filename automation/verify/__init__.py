"""Verification: facts are gathered, pure checks judge them against the contract."""

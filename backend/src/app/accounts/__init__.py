"""Accounts and sessions, over Better Auth's wire protocol."""

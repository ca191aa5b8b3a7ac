"""Accounts and sessions, compatible with Better Auth's wire protocol."""

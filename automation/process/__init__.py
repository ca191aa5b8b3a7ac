"""Processes, their logs, ports and records."""

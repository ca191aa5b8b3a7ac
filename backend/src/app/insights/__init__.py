"""Insights: what a person got done, and when."""

"""Preferences of a person: the time zone and the first day of the week."""

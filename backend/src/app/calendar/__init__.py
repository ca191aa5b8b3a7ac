"""A calendar of tasks that other programs subscribe to, at a secret address."""

"""Gatherers: they collect facts about files, images and running services."""

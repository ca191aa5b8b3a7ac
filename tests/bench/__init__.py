"""Measures images and tasks on this machine: on request, never as a test and never in CI."""

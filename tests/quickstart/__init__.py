"""The README's quickstart, every command of it, where the engine that it needs answers."""

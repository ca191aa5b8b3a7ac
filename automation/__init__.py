"""The library behind the tasks and the checks, which `tasks.py` and `noxfile.py` expose."""

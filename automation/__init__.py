"""The library that runs and keeps the to-do chatbot; `tasks.py` and `noxfile.py` only name what is here."""

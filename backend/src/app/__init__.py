"""The to-do chatbot's backend: accounts, tasks and chat over HTTP."""

"""The language of tasks: sentences to fields, for the chat and for quick add.

Text becomes phrases with positions (`phrases`, `clock`, `recurrence`), neighbouring phrases become a date
(`dates`), and what is left beside tags, priority and date becomes the title (`details`). docs/language.md
describes what is understood and how open questions are decided.

Kept libraries do not do this: they search for anything that may be a date, so that "may buy 2 apples", "read
The 5th Wave" and "call tom" become dates, and they know neither the words to leave in a title nor repetition.
Repetition itself is computed by python-dateutil.
"""

"""Events, errors and how they are shown: on a terminal, in a pipe, as JSON."""

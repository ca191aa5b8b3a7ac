"""Tasks of a person: the rules, the tables and the HTTP that reach them."""

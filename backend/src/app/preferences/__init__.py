"""What a person prefers: the time zone and the first day of the week."""

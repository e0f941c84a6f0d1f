"""Cases whose rows have a number: how urgent, how long, at what price."""

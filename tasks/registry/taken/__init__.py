"""What travels with a model that is taken away: programs that know nothing of Thaw."""

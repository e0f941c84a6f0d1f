"""Cases whose rows have labels: any number each, or one."""

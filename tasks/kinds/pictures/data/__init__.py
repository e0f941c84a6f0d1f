"""Questions about pictures: read, looked at, divided."""

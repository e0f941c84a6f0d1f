"""Cases that answer questions about pictures."""

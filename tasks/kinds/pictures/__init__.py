"""Cases that answer questions about pictures: three models joined by cross-attention."""

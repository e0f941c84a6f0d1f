"""Cases whose model learns from rewards."""

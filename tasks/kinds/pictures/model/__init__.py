"""Two encoders and a decoder, joined by cross-attention."""

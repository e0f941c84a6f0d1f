"""Three models joined by cross-attention: a text encoder, an image encoder, a decoder."""

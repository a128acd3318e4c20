"""What the access log tells afterwards: its records read back, and figures made from them."""

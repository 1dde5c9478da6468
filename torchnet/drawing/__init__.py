"""How every figure looks: its style, its frame, its axes, and its bytes as a file."""

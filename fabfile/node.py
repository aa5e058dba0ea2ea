"""Single nodes."""

"""Nothing for Python here."""

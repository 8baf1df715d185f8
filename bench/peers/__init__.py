"""What users would pick instead, run the way its own users run it. One file per peer; each says what it needs."""

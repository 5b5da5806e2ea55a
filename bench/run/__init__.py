"""Execute a protocol: journal, resume, isolation."""

"""The commands that learn, serve, or start things; each imports what it needs only when it runs."""

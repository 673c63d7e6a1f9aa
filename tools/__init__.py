"""What is run on the code, and not shipped."""

"""The demonstration: scenes with a known truth, a simulated annotator, and pictures of how it went."""

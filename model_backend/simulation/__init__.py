"""What an hour of labelling teaches under each policy of asking, with simulated annotators."""

"""Label Studio: its label config, its API, its events turned into observations, and back into predictions."""

"""The side of learning: losses, estimators, backbones, training, and the backend for Label Studio."""

"""The side of learning: losses, estimators, backbones, training, and the backend that Label Studio talks to."""

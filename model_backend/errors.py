"""The one exception that the learning rooms raise for what a caller can mend."""


class LearningError(ValueError):
    """What is wrong with the input and what to do about it; the message is meant for people."""

"""The exceptions whose message is meant for people: what is wrong, and what to do about it."""


class OnetagError(Exception):
    """Something that a user can mend. The message names the trouble and the way out."""

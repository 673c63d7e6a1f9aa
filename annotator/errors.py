"""The exceptions that people read: what is wrong, and what to do about it."""


class OnetagError(Exception):
    """Something that a user can mend.

    problem: what is wrong, one or more whole sentences. fix: what to do about it, a whole sentence. The text
    of the exception is both; neither ever holds a secret.

    >>> print(OnetagError("The disk is full.", "Free some space, then train again."))
    The disk is full. Free some space, then train again.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem} {self.fix}".strip()

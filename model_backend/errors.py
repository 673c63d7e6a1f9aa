"""The exceptions that the learning rooms raise for what a caller can mend."""


class LearningError(ValueError):
    """Input that cannot be learned from.

    problem: what is wrong, a whole sentence. fix: what to do about it; empty where the problem says it all,
    as with shapes that do not match. The text of the exception is both.

    >>> print(LearningError("There is no loss 'rolle'.", "Did you mean role?"))
    There is no loss 'rolle'. Did you mean role?
    """

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem} {self.fix}".strip()


class Damaged(LearningError):  # noqa: N818 (it names what became of the file)
    """A file of ours is gone, or is not as it was written: what it held has to be made again."""

"""The errors a user can cause and can mend."""


class InputError(Exception):
    """An input that cannot be used as it is.

    Parameters
    ----------
    problem
        What is wrong, with the offending value and what was expected.
    where
        The file and line, table row, or config key that holds the value.
    remedy
        What the user can do about it.
    """

    def __init__(self, problem: str, *, where: str, remedy: str) -> None:
        super().__init__(f"{where}: {problem}. {remedy}")
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, so that worker processes can raise it."""
        return (_rebuild, (self.problem, self.where, self.remedy))


def _rebuild(problem: str, where: str, remedy: str) -> InputError:
    return InputError(problem, where=where, remedy=remedy)

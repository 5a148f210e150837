"""The errors a user can cause and can mend."""

_SHOWN = 80  # characters of a value in a message


def shortened(value: object) -> str:
    """A value as a message shows it: quoted, control characters spelled out, and not longer than a line.

    >>> shortened("x" * 3)
    "'xxx'"
    """
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        text = hex(value) if isinstance(value, int) else f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"


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

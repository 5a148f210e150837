import pickle

from locus2target.core.errors import InputError


def test_message_names_place_problem_and_remedy() -> None:
    error = InputError("build 'hg18' is unknown", where="studies.tsv, line 7", remedy="Write GRCh37 or GRCh38.")
    assert str(error) == "studies.tsv, line 7: build 'hg18' is unknown. Write GRCh37 or GRCh38."


def test_survives_pickling_between_processes() -> None:
    error = InputError("a", where="b", remedy="c")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301

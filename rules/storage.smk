"""Remote files: addresses in config and sheets become local paths that Snakemake's storage plugins fetch for the jobs."""

from snakemake.io import AnnotatedString

from locus2target.core.input_files import with_copies
from locus2target.core.remote_files import PROVIDERS, FetchedFile, parse_address

REACHED = set()


class StoredFile(AnnotatedString, FetchedFile):
    """A fetched file as Snakemake takes it for an input; in params, jobs are handed a plain `FetchedFile`."""

    def __init__(self, path, url, beside=()):
        AnnotatedString.__init__(self, path)

    def __reduce__(self):
        return FetchedFile, (str(self), self.url, self.beside)


def fetched(url, is_kept=False, beside=()):
    """The copy of a remote file; Snakemake removes one that is not kept when no job needs it any more."""
    address = parse_address(url)
    provider = getattr(storage, PROVIDERS[address.scheme])
    copy = provider(url, keep_local=is_kept or None)  # None: as the command line says
    file = StoredFile(copy, url, beside)
    file.flags |= copy.flags
    if workflow.is_main_process and (address.scheme, address.host) not in REACHED:
        require_answer(copy.flags["storage_object"], url)
        REACHED.add((address.scheme, address.host))
    return file


def require_answer(stored, url):
    """End the run in one line where a host does not answer; Snakemake itself would print the plugin's traceback."""
    try:
        stored.exists()
    except Exception as error:
        problem = InputError(
            f"does not answer ({error})",
            where=url,
            remedy="Nothing has run. Check address, network and credentials; docs/remote_files.md says which.",
        )
        raise WorkflowError(str(problem)) from None


SETTINGS = with_copies(SETTINGS, fetched)
config.update(SETTINGS.config)

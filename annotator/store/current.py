"""Opening a store that this release can work with."""

from __future__ import annotations

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store.engine import Store, open_store
from annotator.store.schema import check

FIRST = (
    "Start with a folder of pictures, `onetag up IMAGES --labels a,b,c`, or with a project of a Label Studio "
    "that runs already, `onetag connect --url ADDRESS --project N`. Or name its folder with --data-dir."
)
"""What to run before anything else."""


def open_current(settings: Settings) -> Store:
    """The store of these settings, refused unless its tables are those of this release.

    Raises OnetagError saying what to run first, or which `onetag db` command mends it.
    """
    store = open_store(settings.store_url)
    try:
        state = check(store)
        if state.current is None:
            where = settings.data_dir if not settings.database_url else "this database"
            raise OnetagError(f"Nothing has been set up in {where} yet.", FIRST)
        state.require()
    except BaseException:
        store.close()
        raise
    return store

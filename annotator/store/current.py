"""Opening a store that this release can work with."""

from __future__ import annotations

from annotator.settings import Settings
from annotator.store.engine import Store, open_store
from annotator.store.schema import require


def open_current(settings: Settings) -> Store:
    """The store of these settings, refused unless its tables are those of this release.

    Raises OnetagError saying which `onetag db` command mends it.
    """
    store = open_store(settings.store_url)
    try:
        require(store)
    except BaseException:
        store.close()
        raise
    return store

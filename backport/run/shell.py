"""`backport shell`: a look into what a failed step left."""

from __future__ import annotations

from backport.build import sbuild
from backport.engine import outputs
from backport.engine.step import StepId
from backport.engine.store import Store
from backport.environments import localrepo, prepared
from backport.errors import InputError
from backport.recipe.model import Recipe
from backport.testbed import lxc
from backport.testbed.lxc import Testbed


def shell(recipe: Recipe, store: Store, series: str, source: str) -> int:
    """Open a root shell in the chroot that a failed build left, else in a testbed of the series.

    The testbed has all that was built set up in apt.

    Raises:
        InputError: the series has not been built yet.
    """
    kept = sorted(outputs.kept_chroot(store, series, source).glob("*/bin"))
    if kept:
        return sbuild.shell(kept[0].parent)
    folder = store.folder(StepId("base", series))
    if not (folder / prepared.FILE).is_file():
        raise InputError(
            f"there is no testbed for {series} yet",
            where=str(store.work),
            advice=f"run: backport build --series {series} --source {source}",
        )
    base = prepared.read(folder)
    builds = [store.folder(StepId("build", series, one.name)) for one in recipe.sources]
    debs = outputs.built_debs(folder for folder in builds if folder.is_dir())
    with store.temporary(f"shell/{series}") as scratch:
        built = localrepo.publish(debs, scratch / "built")
        with Testbed(base.testbed_root, {"built": built, "base": base.repository}) as testbed:
            return lxc.shell(testbed)

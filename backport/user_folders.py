"""The user's folders, by the XDG Base Directory Specification."""

from __future__ import annotations

import os
from pathlib import Path

from backport.errors import MachineError


def home() -> Path:
    """The user's home.

    Raises:
        MachineError: there is no HOME, and no entry of the user in passwd(5).
    """
    try:
        return Path.home()
    except RuntimeError as error:
        raise MachineError("the home of this user is not known", advice="set HOME") from error


def own(variable: str, usual: str) -> Path:
    """The toolkit's folder in the one that a variable names; a path that is not absolute is none.

    Parameters:
        variable: such as ``XDG_CACHE_HOME``. usual: the folder of the home that it stands for.

    Raises:
        MachineError: the variable names none, and the home is not known.
    """
    named = Path(os.environ.get(variable, ""))
    return (named if named.is_absolute() else home() / usual) / "backport"

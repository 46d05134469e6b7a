"""Import every module of the clinic where only the core dependencies are installed; fail where torch came along.

What belongs to the clinic is read from the import contract in pyproject.toml, so that the two cannot disagree.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tomllib
from pathlib import Path

CONTRACT = "The clinic never imports torch"


def main() -> None:
    """Import, and say how many modules there were."""
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = (c for c in settings["contracts"] if c["name"] == CONTRACT)
    names = ["mpoxlens", "mpoxlens.cli", *contract["source_modules"]]
    for name in list(names):
        module = importlib.import_module(name)
        if name != "mpoxlens" and hasattr(module, "__path__"):
            names += [info.name for info in pkgutil.walk_packages(module.__path__, f"{name}.")]
    for name in names:
        importlib.import_module(name)
    came = sorted(set(contract["forbidden_modules"]) & set(sys.modules))
    if came:
        sys.exit(f"the clinic imported {', '.join(came)}")
    sys.stdout.write(f"{len(names)} modules of the clinic import with the core dependencies alone\n")


if __name__ == "__main__":
    main()

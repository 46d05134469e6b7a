"""What each process of the test runs: a fit without dropout, in 32 bits or as it is, written out by every process."""

import sys
from pathlib import Path
from typing import Any

import torch

from mpoxlens.vision import fit as fitting
from mpoxlens.vision import start
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.recipe import load

HERE = Path(__file__).parent


def main(out: Path, precision: str, rank: str) -> None:
    """Fit and write `out`/RANK.pt; the folder is shared."""
    sys.path.insert(0, str(HERE))
    from drawn import training_set

    plain = start.create

    def without_dropout(*given: Any) -> Classifier:
        model = plain(*given)
        for part in model.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        return model

    start.create = without_dropout
    fitting.PRECISION = precision
    losses: list[float] = []
    data = training_set(photos=5)
    model = fitting.fit(load(out / "recipe.toml"), data, out / "run", lambda _done, _of, loss: losses.append(loss))
    torch.save({"losses": losses, "weights": model.state_dict()}, out / f"{rank}.pt")


if __name__ == "__main__":
    import os

    main(Path(sys.argv[1]), sys.argv[2], os.environ.get("RANK", "0"))

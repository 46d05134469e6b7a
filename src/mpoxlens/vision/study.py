"""The database of a search: trials that several processes or machines share, and that outlive a killed run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mpoxlens.errors import DataError

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
BEAT, GRACE = 30, 120  # seconds between a trial's signs of life, and without one until another process takes it over
RANDOM_TRIALS = 8  # before the sampler and the pruner have something to learn from
RETRIES = 3


def open_study(url: str, name: str, seed: int, folder: Path) -> optuna.Study:
    """Open a study of a database, made if need be, that maximises.

    Args:
        url: of the database, such as sqlite:///file or postgresql://user:password@host/name.
        name: of the study; other studies of the same database are left alone.
        seed: trial n draws by `seed` + n, whichever process runs it.
        folder: for the lock under which processes of one folder make the tables.

    Raises:
        DataError: the URL means nothing, its driver is not installed, or the database does not answer.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        shown = make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        mend = "give one such as sqlite:///study.sqlite3, or leave it out"
        raise DataError("--storage", "no URL of a database", mend) from None
    try:
        with FileLock(folder / ".study.lock"), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.create_study(
                storage=_storage(url),
                sampler=ByTrial(seed),
                pruner=optuna.pruners.MedianPruner(n_startup_trials=RANDOM_TRIALS),
                study_name=name,
                direction="maximize",
                load_if_exists=True,
            )
    except (SQLAlchemyError, optuna.exceptions.OptunaError, ImportError) as error:
        why = f"cannot be used ({str(error).splitlines()[0]})"
        raise DataError(f"--storage {shown}", why, "check the URL, the database and its driver") from None


def _storage(url: str) -> RDBStorage:
    engine = {"connect_args": {"timeout": GRACE}} if url.startswith("sqlite") else {}
    retry = RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)
    return RDBStorage(url, engine, heartbeat_interval=BEAT, grace_period=GRACE, heartbeat_stale_trial_callback=retry)


class ByTrial(BaseSampler):
    """Tree-structured Parzen estimator (Bergstra et al. 2011) that is seeded by the trial's number.

    One seed for all processes would have each try the same settings at the start; no seed could not be repeated.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.current: tuple[int, TPESampler] | None = None

    def _of(self, trial: FrozenTrial) -> TPESampler:
        if self.current is None or self.current[0] != trial.number:
            sampler = TPESampler(seed=self.seed + trial.number, n_startup_trials=RANDOM_TRIALS)
            self.current = (trial.number, sampler)
        return self.current[1]

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See `BaseSampler`."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        """See `BaseSampler`."""
        return self._of(trial).sample_relative(study, trial, dict(search_space))

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """See `BaseSampler`."""
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

"""`mpoxlens explain photo`: why the network says what it says of each photograph."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from mpoxlens.bundle import Spec, default_path
from mpoxlens.datasets.progress import Tell, progress, silent
from mpoxlens.errors import DataError, MissingExtraError, MpoxlensError, PhotoError
from mpoxlens.explain.methods import METHODS, chosen, explain
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.picture import check_target, facts, place, save
from mpoxlens.explain.subject import OnnxSubject, of_run
from mpoxlens.photo import read_photo
from mpoxlens.schema import INTENDED_USE, Photo
from mpoxlens.screening.engine import Refused
from mpoxlens.screening.files import expand, require_some


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    method: str
    seed: int
    samples: int | None  # None: the method's own default
    out: Path | None  # folder for pictures
    as_json: bool


@dataclass(frozen=True, eq=False)
class Found:
    """One photograph and its explanation."""

    photo: Photo
    explanation: Explanation
    picture: Path | None


def command(names: Sequence[str], bundle: Path | None, run: Path | None, asked: Asked) -> int:
    """Explain each photograph and return the exit code: 0 all, 1 some were refused, 2 none could be explained.

    Args:
        names: photographs, folders and patterns.
        bundle: folder of one; the shipped bundle when None.
        run: folder of a run of `mpoxlens train`, whose float network is explained instead.
        asked: method, seed, samples, and where results go.

    Raises:
        MpoxlensError: what makes every explanation impossible, before any is begun.
    """
    if bundle and run:
        raise DataError("--bundle and --run", "both name a network", "give one of the two")
    chosen(asked.method, asked.samples, gradients=run is not None)
    require_some(names)
    subject, spec = _subject(bundle, run)
    _make(asked.out)
    return _each(names, subject, spec, asked)


def _subject(bundle: Path | None, run: Path | None) -> tuple[Subject, Spec]:
    if run is None:
        onnx = OnnxSubject.load(bundle or default_path())
        return onnx, onnx.bundle.spec
    try:
        return of_run(run)
    except ModuleNotFoundError as error:
        raise MissingExtraError("--run", "train", str(error.name)) from None


def _make(folder: Path | None) -> None:
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out {folder}", f"no folder can be made there ({error.strerror})", "name another") from None


def _each(names: Sequence[str], subject: Subject, spec: Spec, asked: Asked) -> int:
    done, refused, taken = 0, 0, set[Path]()
    for path in expand(names):
        try:
            found = _explained(path, subject, spec, asked, taken)
        except (PhotoError, MissingExtraError) as error:
            refused += 1
            _say_refused(path.file if isinstance(path, Refused) else str(path), error, as_json=asked.as_json)
        else:
            done += 1
            click.echo(_line(found) if asked.as_json else _sentence(found))
    if done + refused > 1:
        click.echo(f"{done} explained, {refused} refused", err=True)
    if not asked.as_json:
        click.echo(INTENDED_USE, err=True)
    return 0 if not refused else 1 if done else 2


def _explained(path: Path | Refused, subject: Subject, spec: Spec, asked: Asked, taken: set[Path]) -> Found:
    if isinstance(path, Refused):
        raise path.error
    photo = read_photo(path)
    target = _target(photo, asked, taken)
    with _told(asked.method, path.name) as tell:
        given = spec.preprocess(photo.pixels)
        found = explain(subject, given, asked.method, asked.seed, samples=asked.samples, tell=tell)
    if target:
        save(found, photo.pixels, target)
    return Found(photo, found, target)


def _target(photo: Photo, asked: Asked, taken: set[Path]) -> Path | None:
    """Return the picture's file, refused before the work if it is something else; a second of its name has its hash."""
    if asked.out is None:
        return None
    stem = Path(photo.name).stem
    path = asked.out / f"{stem}.{asked.method}.png"
    if path in taken:
        path = asked.out / f"{stem}.{photo.sha256[:8]}.{asked.method}.png"
    check_target(path)
    taken.add(path)
    return path


@contextmanager
def _told(method: str, name: str) -> Iterator[Tell]:
    """Show how far one photograph is; while a bar is shown, what is printed would go where the bar goes."""
    if "tell" not in METHODS[method].options:
        yield silent
        return
    with progress() as tell:
        yield lambda stage, done, of: tell(f"{stage} {name}", done, of)


def _line(found: Found) -> str:
    about = {"file": found.photo.name, "sha256": found.photo.sha256, **facts(found.explanation)}
    about |= {"strongest": place(found.explanation), "picture": str(found.picture) if found.picture else None}
    return json.dumps(about, ensure_ascii=False, allow_nan=False)


def _sentence(found: Found) -> str:
    one, where = found.explanation, place(found.explanation)
    most = f"most for mpox: {where}" if where else "nowhere speaks clearly for mpox"
    passes = f"{one.passes} pass" + ("es" if one.passes > 1 else "")
    line = f"{found.photo.name}: contrast {one.contrast:+.2f} logits; {most} ({one.method}, {passes})"
    return f"{line}\n  picture: {found.picture}" if found.picture else line


def _say_refused(name: str, error: MpoxlensError, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": name, "error": str(error)}, ensure_ascii=False))
    click.echo(f"mpoxlens: {error}", err=True)

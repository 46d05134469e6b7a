"""The bundle: the one thing that passes from the workshop to the clinic. A folder of four files, verified on load.

model.onnx    photograph -> logits [C], cam [C, h, w], embedding [D], in one pass
bundle.json   everything a decision needs (`Spec`), and the sha256 of the other three files
golden.json   drawn inputs and the outputs expected of them
card.md       what it was made of, how good it is, and its limits
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpoxlens.errors import BundleError
from mpoxlens.preprocess import Preprocess
from mpoxlens.rules import Calibration, Conformal, OutOfDistribution
from mpoxlens.schema import Floats

if TYPE_CHECKING:
    import onnxruntime

FORMAT = 1
FILES = ("model.onnx", "golden.json", "card.md")
OUTPUTS = ("logits", "cam", "embedding")
MAX_JSON_BYTES = 8 * 2**20
AGAIN = "download or build the bundle again"
SHOWN_MAP = "cam"  # the only map that the clinic shows


@dataclass(frozen=True)
class Alike:
    """How alike maps are before and after a network forgets: a mean rank correlation with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Alike:
        """Read it; ValueError when it is impossible."""
        found = cls(float(data["value"]), float(data["low"]), float(data["high"]))
        if not -1 <= found.low <= found.value <= found.high <= 1:
            raise ValueError("map: a correlation is out of range")
        return found


@dataclass(frozen=True)
class MapCheck:
    """Whether the heat map follows what the network has learned, measured once in the workshop.

    Parameter randomisation (Adebayo et al. 2018, "Sanity Checks for Saliency Maps"): the values of all kernels are
    shuffled, and a map that then looks as before told of the photograph's edges, not of the network.
    """

    signed: Alike
    absolute: Alike  # of the maps without their signs
    limit: float  # both intervals must lie below it
    inputs: int
    measured_on: str  # such as "drawn phantoms"

    @property
    def passed(self) -> bool:
        """Whether the map may be shown."""
        return max(self.signed.high, self.absolute.high) < self.limit

    def to_dict(self) -> dict[str, Any]:
        """Return the entry "map" of `bundle.json`."""
        alike = {"signed": vars(self.signed), "absolute": vars(self.absolute)}
        sanity = {"check": "parameter randomisation", "alike": alike, "limit": self.limit}
        measured = {"inputs": self.inputs, "measured_on": self.measured_on}
        return {"method": SHOWN_MAP, "passed": self.passed, "sanity": {**sanity, **measured}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MapCheck:
        """Read the entry; ValueError for another map, impossible numbers, or a verdict at odds with them."""
        sanity = data["sanity"]
        signed, absolute = (Alike.from_dict(sanity["alike"][name]) for name in ("signed", "absolute"))
        found = cls(signed, absolute, float(sanity["limit"]), int(sanity["inputs"]), str(sanity["measured_on"]))
        if data["method"] != SHOWN_MAP:
            raise ValueError(f"map: {data['method']!r} was checked, and {SHOWN_MAP!r} is shown")
        if not 0 < found.limit < 1 <= found.inputs:
            raise ValueError("map: a number is out of range")
        if data["passed"] is not found.passed:
            raise ValueError("map: its verdict is not that of its numbers")
        return found


@dataclass(frozen=True)
class Spec:
    """The contents of `bundle.json`."""

    name: str
    version: str
    labels: tuple[str, ...]  # in the order of the logits
    positive: str  # the label that is asked for
    preprocess: Preprocess
    calibration: Calibration
    operating_point: float  # P(mpox) from which on mpox is more likely than not to be acted upon
    conformal: Conformal
    ood: OutOfDistribution
    intended_use: str
    licences: Mapping[str, str]  # of code, weights, data
    training: Mapping[str, Any]  # manifest_sha256, photos, groups, recipe, seed, versions
    figures: Mapping[str, Any]  # measured, with intervals, and on what
    map: MapCheck | None = None  # None: the heat map was not checked

    def to_dict(self) -> dict[str, Any]:
        """Return what is written to `bundle.json`, but for the hashes."""
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "labels": list(self.labels),
            "positive": self.positive,
            "preprocess": self.preprocess.to_dict(),
            "calibration": self.calibration.to_dict(),
            "operating_point": self.operating_point,
            "conformal": self.conformal.to_dict(),
            "ood": self.ood.to_dict(),
            "intended_use": self.intended_use,
            "licences": dict(self.licences),
            "training": dict(self.training),
            "figures": dict(self.figures),
            **({} if self.map is None else {"map": self.map.to_dict()}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Spec:
        """Read the specification; the caller turns the usual lookup errors into a BundleError."""
        return cls(
            name=str(data["name"]),
            version=str(data["version"]),
            labels=tuple(map(str, data["labels"])),
            positive=str(data["positive"]),
            preprocess=Preprocess.from_dict(data["preprocess"]),
            calibration=Calibration.from_dict(data["calibration"]),
            operating_point=float(data["operating_point"]),
            conformal=Conformal.from_dict(data["conformal"]),
            ood=OutOfDistribution.from_dict(data["ood"]),
            intended_use=str(data["intended_use"]),
            licences=data["licences"],
            training=data["training"],
            figures=data["figures"],
            map=MapCheck.from_dict(data["map"]) if "map" in data else None,
        )


@dataclass(frozen=True, eq=False)
class Outputs:
    """What the network gives for N photographs."""

    logits: Floats  # [N, C]
    cam: Floats  # [N, C, h, w]
    embedding: Floats  # [N, D]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle, ready to run."""

    path: Path
    spec: Spec
    sha256: str  # of bundle.json, which holds the hashes of the rest
    session: onnxruntime.InferenceSession

    @classmethod
    def load(cls, path: str | Path, *, threads: int = 0, check_golden: bool = True) -> Bundle:
        """Load and verify a bundle.

        Args:
            path: its folder.
            threads: of one forward pass; 0 leaves it to the runtime.
            check_golden: run the golden vectors; without is for the one who is about to record them.

        Raises:
            BundleError: a file is missing or altered, the version is unknown, or a golden vector differs.
        """
        folder = Path(path)
        raw = _read(folder / "bundle.json", _mend(folder))
        spec, hashes = _parse(raw, folder)
        contents = {name: _checked(folder / name, hashes) for name in FILES}
        session = _session(contents["model.onnx"], folder, threads)
        if session.get_outputs()[0].shape[-1] != len(spec.labels):
            raise BundleError(str(folder / "model.onnx"), f"it does not give {len(spec.labels)} logits", AGAIN)
        bundle = cls(folder, spec, hashlib.sha256(raw).hexdigest(), session)
        if check_golden:
            _check_golden(bundle, contents["golden.json"])
        return bundle

    def run(self, batch: Floats) -> Outputs:
        """Run the network on a batch [N, 3, size, size]."""
        logits, cam, embedding = self.session.run(list(OUTPUTS), {"photo": batch})
        return Outputs(logits, cam, embedding)


def default_path() -> Path:
    """Return the folder of the bundle that is shipped with the package."""
    return Path(str(resources.files("mpoxlens") / "bundles" / "default"))


def write(folder: Path, spec: Spec, model: bytes, golden: Mapping[str, Any], card: str) -> Path:
    """Write a bundle; `bundle.json` comes last, so that its existence means that the rest is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.json").unlink(missing_ok=True)
    contents = {"model.onnx": model, "golden.json": _dump(golden), "card.md": card.encode()}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    part = folder / "bundle.json.part"
    content = {**spec.to_dict(), "files": hashes}
    part.write_bytes(_dump(content | {"sha256": digest(content)}))
    part.replace(folder / "bundle.json")
    return folder


def digest(content: Mapping[str, Any]) -> str:
    """Return the sha256 of what `bundle.json` holds, its own entry "sha256" left out."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _dump(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()


def _mend(folder: Path) -> str:
    """What to do where no bundle is; a run's folder holds one."""
    inner = folder / "bundle"
    return f"did you mean {inner}?" if (inner / "bundle.json").is_file() else AGAIN


def _read(path: Path, mend: str = AGAIN) -> bytes:
    try:
        if path.suffix == ".json" and path.stat().st_size > MAX_JSON_BYTES:
            raise BundleError(str(path), "larger than any bundle's", AGAIN)
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(str(path), "no such file", mend) from None
    except OSError as error:
        raise BundleError(str(path), f"cannot be read ({error.strerror})", "check the path") from None


def _parse(raw: bytes, folder: Path) -> tuple[Spec, Mapping[str, str]]:
    where = str(folder / "bundle.json")
    try:
        data = json.loads(raw, parse_constant=_no_number)
        if data["format"] != FORMAT:
            why = f"format {data['format']!r} is unknown to this version, which reads format {FORMAT}"
            raise BundleError(where, why, "upgrade with: pip install --upgrade mpoxlens")
        if data["sha256"] != digest(data):
            raise BundleError(where, "its sha256 is not that of its content, so it was altered or damaged", AGAIN)
        spec, hashes = Spec.from_dict(data), dict(data["files"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(where, f"damaged ({type(error).__name__}: {error})", AGAIN) from None
    labels_differ = len(set(spec.labels)) == len(spec.labels)
    if not labels_differ or spec.positive not in spec.labels or not 0 < spec.operating_point < 1:
        raise BundleError(where, "its labels or its operating point are impossible", AGAIN)
    return spec, hashes


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _checked(path: Path, hashes: Mapping[str, str]) -> bytes:
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != hashes.get(path.name):
        raise BundleError(str(path), "its sha256 is not the one in bundle.json, so it was altered or damaged", AGAIN)
    return data


def _session(model: bytes, folder: Path, threads: int) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = True  # malloc in its place never gives pages back: 600 MB after 500 photos, not 200
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  onnxruntime's errors share no base class but Exception
        what = str(folder / "model.onnx")
        raise BundleError(what, f"onnxruntime cannot load it ({str(error).splitlines()[0]})", AGAIN) from None
    if [i.name for i in session.get_inputs()] != ["photo"] or {o.name for o in session.get_outputs()} != set(OUTPUTS):
        raise BundleError(str(folder / "model.onnx"), f"its outputs are not {', '.join(OUTPUTS)}", AGAIN)
    return session


def _check_golden(bundle: Bundle, raw: bytes) -> None:
    """Run the golden vectors; preprocessing and network must give what was recorded when the bundle was made."""
    from mpoxlens.golden import difference

    try:
        golden = json.loads(raw)
        errors = difference(bundle, golden)
        bounds: Mapping[str, float] = golden["tolerance"]
        worst = {name: error for name, error in errors.items() if not error <= bounds[name]}
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(str(bundle.path / "golden.json"), f"damaged ({error})", AGAIN) from None
    if worst:
        found = ", ".join(f"{name} by {np.format_float_positional(e, 4)}" for name, e in worst.items())
        why = f"golden vectors differ on this machine ({found})"
        raise BundleError(str(bundle.path), why, "upgrade onnxruntime and pillow, or report it")

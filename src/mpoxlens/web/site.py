"""The built page: where it lies, what belongs to it, and the headers that every answer carries."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from mpoxlens.bundle import default_path
from mpoxlens.errors import MpoxlensError
from mpoxlens.screening.output import unwritten

SITE = Path(__file__).parent / "site"
BUNDLE_FILES = ("bundle.json", "golden.json", "model.onnx")
BUILD = "run `make web` in a clone of mpoxlens"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; media-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",  # kept, but asked for anew: the service worker decides what is current
    "Cross-Origin-Embedder-Policy": "require-corp",  # with the next, the model may use several threads
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def built_site() -> Path:
    """Return the folder of the built page.

    Raises:
        MpoxlensError: it was not built, or for another bundle than the one that is installed.
    """
    try:
        made_for = json.loads((SITE / "build.json").read_text(encoding="utf-8"))["bundle"]
    except (OSError, ValueError, LookupError, TypeError):
        raise MpoxlensError("the phone page", "it is not built here", BUILD) from None
    if made_for != _sha256(default_path() / "bundle.json"):
        raise MpoxlensError("the phone page", "it was built for another bundle than the installed one", BUILD)
    return SITE


def export(target: Path) -> None:
    """Write the page as a folder that any web host can serve, with `_headers` for the hosts that read it.

    Raises:
        MpoxlensError: not built, a folder that holds something, or one that cannot be written.
    """
    site = built_site()
    _check_target(target, site)
    try:
        with tempfile.TemporaryDirectory(prefix=".mpoxlens-", dir=target.absolute().parent) as beside:
            part = Path(beside) / "site"
            _write(site, part)
            if target.is_dir():
                target.rmdir()  # refuses what has been filled meanwhile
            part.replace(target)
    except OSError as error:
        raise unwritten(target, error) from None


def _write(site: Path, part: Path) -> None:
    shutil.copytree(site, part)
    (part / "bundle").mkdir()
    for name in BUNDLE_FILES:
        shutil.copyfile(default_path() / name, part / "bundle" / name)
    lines = "".join(f"  {name}: {value}\n" for name, value in HEADERS.items())
    (part / "_headers").write_text(f"/*\n{lines}", encoding="utf-8", newline="\n")


def _check_target(target: Path, site: Path) -> None:
    what, whole = f"--export {target}", target.resolve()
    if target.is_symlink():
        raise MpoxlensError(what, "it is a link", "name a new folder")
    if whole == Path.cwd() or whole.is_relative_to(site.resolve()):
        raise MpoxlensError(what, "the page cannot be written into this folder", "name a new folder")
    if target.is_dir():
        if any(target.iterdir()):
            raise MpoxlensError(what, "the folder is not empty", "name a new folder")
    elif target.exists():
        raise MpoxlensError(what, "it is a file", "name a new folder")
    elif not target.absolute().parent.is_dir():
        raise MpoxlensError(what, f"there is no folder {target.parent}", "make the folder, or name another place")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

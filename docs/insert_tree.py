"""Put the tree, with a purpose per file and folder, into README.md.

A Python file's purpose is the first sentence of its docstring, a TOML file's that of its first comment; a long one ends
at its last comma, colon or semicolon that fits.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import blocks

PACKAGE = blocks.ROOT / "src" / "mpoxlens"
WIDTH = 34  # columns before the purposes
LONGEST = 90  # columns of a purpose

OUTSIDE = {
    "Makefile": "make screen, test, check, bench, clean",
    "pyproject.toml": "packaging, extras, the settings of every tool, the import contracts",
    "constraints.txt": "the versions that the tests ran with",
    "src/mpoxlens/": "",
    "web/": "the phone page: TypeScript, its build and its tests",
    "recipes/": "one commented TOML a training recipe",
    "reviews/": "what reviewers decided about single photographs, by sha256",
    "benchmarks/": "one script a claim; results/ has what they measured",
    "docs/": "tutorial, how-to, reference, explanation; insert_*.py keep them true",
    "examples/": "short scripts that tests run",
    "samples/android/": "an Android sample in Kotlin: LiteRT and ExecuTorch behind one interface",
    "tests/": "mirrors src/",
    ".ci/run": "all checks on a bare machine",
    "INTENDED_USE.md": "for what, not for what, known limits, privacy",
    "SECURITY.md": "what is defended, and how to report",
    "CONTRIBUTING.md": "the rules of the house",
    "CHANGELOG.md": "what changed",
    "CITATION.cff": "how to cite",
    "LICENSE": "Apache-2.0, for the code",
    "LICENSE-WEIGHTS.md": "non-commercial research only, for the weights",
}
NOT_SHOWN = {"__pycache__", "__init__.py", "__main__.py", "site"}  # the last is built
DATA = {
    "adapters": "The adapters that a clone has: of the size mini",
    "page.html.jinja": "The leaderboard's page.",
    "study.html": "The reading page.",
    "study.css": "Its looks.",
    "study.js": "What it does: no framework, one module.",
    "study.svg": "Its icon.",
    "default": "The bundle that is shipped: model.onnx, bundle.json, golden.json, card.md",
    "report.html.jinja": "The report's page.",
    "screening.schema.json": "The JSON Schema of one line of --json.",
    "summary.schema.json": "The JSON Schema of mpoxlens evaluate --json.",
    "compare.html.jinja": "The comparison's page.",
    "py.typed": "Says that the package has types.",
}


def tree() -> str:
    """Return the tree as a code block."""
    lines: list[str] = []
    for name, purpose in OUTSIDE.items():
        if _in_git(blocks.ROOT / name):
            lines.append(f"{name:{WIDTH}} {purpose}".rstrip())
        if name == "src/mpoxlens/":
            lines += _package(PACKAGE, 1)
    return "\n".join(["```text", *lines, "```"])


def _in_git(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()  # git knows no empty folders


def _package(folder: Path, depth: int) -> Iterator[str]:
    inside = [path for path in folder.iterdir() if path.name not in NOT_SHOWN]
    for path in sorted(inside, key=lambda p: (p.is_dir(), p.name)):
        if path.is_dir():
            init = path / "__init__.py"
            if init.exists() or any(path.iterdir()):
                purpose = _purpose(init) if init.exists() else DATA.get(path.name, "")
                yield _line(path.name + "/", purpose, depth)
                yield from () if path.name in ("default", "adapters") else _package(path, depth + 1)
        elif not path.name.startswith("."):
            yield _line(path.name, _purpose(path), depth)


def _line(name: str, purpose: str, depth: int) -> str:
    return f"{'  ' * depth + name:{WIDTH}} {purpose}".rstrip()


def _purpose(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]
    elif path.suffix == ".toml":
        first = text.splitlines()[0].lstrip("# ")
    else:
        first = DATA.get(path.name, "")
    sentence = " ".join(first.split()).split(". ")[0].rstrip(".")
    return sentence if len(sentence) <= LONGEST else sentence[: max(sentence.rfind(c, 20, LONGEST) for c in ",:;")]


if __name__ == "__main__":
    sys.exit(blocks.main("insert_tree", __doc__, {blocks.ROOT / "README.md": {"tree": tree()}}))

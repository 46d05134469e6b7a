"""Text between two markers of a Markdown page: what the two `insert_` scripts have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(script: str, description: str | None, pages: Mapping[Path, Mapping[str, str]]) -> int:
    """Fill the blocks `<!-- NAME:begin -->` … `<!-- NAME:end -->` of each page, or check them.

    Returns:
        The exit code: 1 when `--check` was given and a page is stale.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a page is stale")
    check = parser.parse_args().check
    stale = [page for page, blocks in pages.items() if _fill(page, blocks, check=check)]
    for page in stale if check else []:
        sys.stderr.write(f"{page.relative_to(ROOT)} is stale; run: python docs/{script}.py\n")
    return int(bool(stale) and check)


def _fill(page: Path, blocks: Mapping[str, str], *, check: bool) -> bool:
    old = new = page.read_text(encoding="utf-8")
    for name, text in blocks.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        head, rest = new.split(begin, 1)
        new = f"{head}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}"
    if new != old and not check:
        page.write_text(new, encoding="utf-8")
    return new != old

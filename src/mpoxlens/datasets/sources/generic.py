"""A data set of one's own: a table with `file,label`, or one folder a class."""

from __future__ import annotations

from mpoxlens.datasets.sources.nouns import Entry, Found, Layout
from mpoxlens.datasets.sources.tables import inside, rows
from mpoxlens.datasets.sources.tree import Tree

TABLES = ("labels.csv", "manifest.csv", "labels.parquet")


def _listed(tree: Tree) -> Found:
    table = next((name for name in TABLES if name in tree.known), None)
    for where, row in rows(tree.root / table if table else None, ("file", "label"), "table"):
        yield Entry(
            where,
            inside(row["file"]),
            row["label"],
            patient=row.get("patient", ""),
            tone=row.get("tone", ""),
            fold=row.get("fold", ""),
            source=row.get("source", ""),
            licence=row.get("licence", "") or row.get("license", ""),
        )


def _sorted(tree: Tree) -> Found:
    """The folder next to the root names the class, however deep the photograph lies below it."""
    for path in tree.photos:
        if "/" in path:
            yield Entry(tree.at(path), path, path.partition("/")[0])


TABLE = Layout("table", lambda tree: any(name in tree.known for name in TABLES), _listed, copies={})
FOLDERS = Layout("folders", lambda tree: any("/" in path for path in tree.photos), _sorted)

"""Clusters that no split may cut: photographs that are linked, and all photographs of one patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.schema import ImageRecord


def group(records: Sequence[ImageRecord], links: Iterable[Link]) -> list[ImageRecord]:
    """Return the records with the group of each, named by the smallest sha256 in it.

    Patients count within their source: another publisher's patient 7 is another person. Links to images that are not
    among the records join nobody: a collage that was left out is no reason to put the people in it together.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    row = {record.sha256: i for i, record in enumerate(records)}
    first: dict[tuple[str, str], int] = {}
    pairs = [(row[link.a], row[link.b]) for link in links if link.a in row and link.b in row]
    pairs += [(first.setdefault((r.source, r.patient), i), i) for i, r in enumerate(records) if r.patient is not None]
    a, b = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(records), len(records)))
    _, component = connected_components(graph, directed=False)
    name: dict[int, str] = {}
    for record, k in zip(records, component.tolist(), strict=True):
        name[k] = min(name.get(k, record.sha256), record.sha256)
    return [replace(r, group=name[k][:12]) for r, k in zip(records, component.tolist(), strict=True)]

"""An analysis as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

WORDS = {"call": "mpox or not", "confidence": "confidence", "on_lesions": "map on lesions", "changes": "would change"}


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what there is to say of an analysis, line by line."""
    readers, arms = found["readers"], found["arms"]
    yield f"{found['cases']} cases, {found['mpox']} of them mpox; called mpox from confidence {found['cut']} on"
    yield f"finished: {', '.join(readers['finished'])}"
    if readers["unfinished"]:
        yield f"unfinished, left out of the comparison: {', '.join(readers['unfinished'])}"
    yield from _reading(found["reading"], arms)
    yield from _comparison(found["comparison"], arms)
    for one in found["turned"]:
        yield f"{arms[one['arm']]}: of {one['readings']} calls {one['right']} turned right, {one['wrong']} turned wrong"
    yield from _agreement(found["agreement"], arms)
    yield from _maps(found["maps"], arms)


def _reading(rows: list[dict[str, Any]], arms: Mapping[str, str]) -> Iterator[str]:
    yield ""
    yield f"{'reader':8}{'arm':22}{'AUROC':>8}{'sens.':>8}{'spec.':>8}{'seconds':>9}"
    for one in rows:
        figures = "".join(f"{_plain(one[name]):>8}" for name in ("AUROC", "sensitivity", "specificity"))
        yield f"{one['reader']:8}{arms[one['arm']]:22}{figures}{one['median_seconds']:9.1f}"


def _comparison(rows: list[dict[str, Any]], arms: Mapping[str, str]) -> Iterator[str]:
    yield ""
    yield "mean over readers, 95 % intervals for new readers and new cases (Obuchowski-Rockette | bootstrap)"
    for one in rows:
        name = arms[one["arm"]] + (" less unaided" if "less" in one else "")
        model = one.get("obuchowski_rockette")
        p = f", p = {model['p']:.3f}" if model and model.get("p") is not None else ""
        yield f"{one['figure']:12}{name:30}{_figure(model)}{p} | {_figure(one['bootstrap'])}"


def _agreement(rows: list[dict[str, Any]], arms: Mapping[str, str]) -> Iterator[str]:
    yield ""
    yield "agreement of readers" if rows else "agreement of readers: it takes two"
    for one in rows:
        pairs = ", ".join(f"{pair} {_plain(value)}" for pair, value in one["cohen_kappa"].items())
        yield (
            f"{WORDS[one['question']]:16}{arms[one['arm']]:22}alpha ({one['level']}) {_figure(one['alpha'])}; "
            f"Fleiss' kappa {_plain(one['fleiss_kappa'])}; Cohen's kappa {pairs}"
        )


def _maps(found: Mapping[str, Any], arms: Mapping[str, str]) -> Iterator[str]:
    yield ""
    yield f"maps, by the readers' word and against {found['drawings']} drawings"
    for one in found["said"]:
        words = ", ".join(f"{word} {_figure(one['on_lesions_' + word])}" for word in ("yes", "partly", "no"))
        yield f"{arms[one['arm']]:22}on lesions: {words}; would change {_figure(one['changes'])}"
    if found["drawings"]:
        for one in found["overlap"]:
            figures = ", ".join(f"{name} {_figure(one[name])}" for name in ("iou", "energy", "pointing"))
            yield f"{arms[one['arm']]:22}{figures}; by chance {_figure(one['chance'])}"
    if found["readers_iou"]:
        yield f"two readers' drawings of one case: iou {_figure(found['readers_iou'])}"


def _figure(found: Mapping[str, float | None] | None) -> str:
    if found is None:
        return "-"
    return f"{_plain(found['value'])} ({_plain(found['low'])} to {_plain(found['high'])})"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"

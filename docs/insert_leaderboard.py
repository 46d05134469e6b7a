"""Put the leaderboard of maps, as benchmarks/faithfulness.py measured it, into docs/howto-faithfulness.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import blocks

TABLES = blocks.ROOT / "benchmarks" / "leaderboard.json"
PLACE = {"hit": "pointing", "energy": "energy"}
EFFECT = {"insertion_less_deletion": "insertion less deletion", "road": "ROAD"}
Network = Mapping[str, Any]


def leaderboard(networks: list[Network]) -> str:
    """Return a table a network: its methods on phantoms, the best mean rank first."""
    return "\n\n".join(f"{_told(one)}\n\n{_table(one['phantoms'], PLACE | EFFECT, rank=True)}" for one in networks)


def photographs(networks: list[Network]) -> str:
    """Return the table of the network that was asked about photographs."""
    asked = [one["photos"] for one in networks if one["photos"]]
    return _table(asked[0], EFFECT, rank=False) if asked else "Not measured."


def sanity(networks: list[Network]) -> str:
    """Return how alike each map is before and after the network forgets, half and all of what it has learned."""
    head = f"| network | method | half forgotten | all forgotten | may be shown |\n{'|---' * 5}|"
    return "\n".join([head, *(line for one in networks for line in _sanity(one))])


def failures(known: list[Mapping[str, Any]]) -> str:
    """Return a line a phantom on which the map that is shown does worst."""
    return "\n".join(
        f"- **{one['why']}**: {one['key']} degrees, P(mpox) {one['probability']:.2f}, lesions {one['cover']:.1%} of "
        f"it. {'; '.join(_place(name, figures) for name, figures in one['maps'].items())}."
        for one in known
    )


def _place(name: str, figures: Mapping[str, float]) -> str:
    hit = "points into a lesion" if figures["hit"] > 0 else "points beside them"
    return f"`{name}` {hit}, energy {figures['energy']:.2f}, ROAD {figures['road']:+.2f}"


def _told(one: Network) -> str:
    chance, most = (_figure(one["phantoms"][0]["figures"][name]) for name in ("cover", "ceiling"))
    winner = f"the rule names `{one['winner']}`" if one["winner"] else "the rule names none"
    lesions = "" if one["shows_lesions"] else ", which is not said to show lesions"
    energy = f"Energy by chance {chance}; by a map of the network's own cells at most {most}."
    return f"**{_name(one)}**: {winner}{lesions}. {energy}"


def _table(standings: list[Network], columns: Mapping[str, str], *, rank: bool) -> str:
    names = ["method", *(["mean rank"] if rank else []), *columns.values(), "passes"]
    return "\n".join([f"| {' | '.join(names)} |\n{'|---' * len(names)}|", *_lines(standings, columns, rank=rank)])


def _lines(standings: list[Network], columns: Mapping[str, str], *, rank: bool) -> Iterator[str]:
    for one in filter(lambda standing: standing["pictures"], standings):
        cells = [f"`{one['method']}`" + (" (tied)" if one["tied_with_best"] and rank else "")]
        cells += [_figure(one["mean_rank"])] if rank else []
        cells += [_figure(one["figures"].get(name)) for name in columns]
        yield f"| {' | '.join(cells)} | {one['figures']['passes']['value']:.0f} |"


def _sanity(network: Network) -> Iterator[str]:
    for one in network["phantoms"]:
        if one["kept"]:
            half, all_ = (_figure(max(level.values(), key=lambda end: end["high"])) for level in one["kept"])
            yield f"| {_name(network)} | `{one['method']}` | {half} | {all_} | {'yes' if one['sane'] else '**no**'} |"


def _name(one: Network) -> str:
    """The network without the beginning of its hash."""
    name, _, last = one["network"].rpartition(" ")
    return name if len(last) == 8 and name else one["network"]


def _figure(figure: Mapping[str, float | None] | None) -> str:
    if figure is None or figure["value"] is None:
        return "–"
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} [{figure['low']:.2f} to {figure['high']:.2f}]"


if __name__ == "__main__":
    page = blocks.ROOT / "docs" / "howto-faithfulness.md"
    known = json.loads(TABLES.read_bytes())
    inserted = {one.__name__: one(known["networks"]) for one in (leaderboard, photographs, sanity)}
    inserted["failures"] = failures(known["failures"])
    sys.exit(blocks.main("insert_leaderboard", __doc__, {page: inserted}))

"""Croissant 1.1 metadata with the responsible-AI vocabulary 1.0 (MLCommons), as `mlcroissant` reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from mpoxlens.datasets.export.about import About
from mpoxlens.datasets.export.facts import Facts
from mpoxlens.datasets.export.licences import in_words
from mpoxlens.schema import INTENDED_USE

CONFORMS = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
LEFT_OPEN = "To be filled in by the publisher."
PARQUET = "application/x-parquet"

_DESCRIBED = {
    "image": "the photograph, upright, re-encoded without metadata, faces hidden where one was marked or detected",
    "sha256": "of the file as published",
    "path": "of the file as published, relative to where the data sets were downloaded to",
    "label": "what the photograph shows; an index of the record set labels",
    "source": "the data set that the photograph was published in",
    "patient": "the person, as that data set names them; empty where it names nobody",
    "width": "px, of the file as published, upright",
    "height": "px, of the file as published, upright",
    "group": "the cluster of photographs of one person or scene, which no split may cut",
    "tone": "Fitzpatrick type as published, 1 to 6 or a range",
    "licence": "of the photograph, as published; empty where none is known",
    "bytes": "length of the file as published",
    "flags": "what measurements, reviewers and publishers noted",
    "part": "of the split",
}


def croissant(
    facts: Facts,
    about: About,
    written: str,
    columns: Mapping[str, str],
    labels: Sequence[str],
    shards: Mapping[str, str],
) -> dict[str, Any]:
    """Return the JSON-LD document.

    Args:
        facts: what the tables say.
        about: what the publisher says; what is "" stands as to be filled in.
        written: the date of the export, which stands for that of publication where the publisher gave none.
        columns: the type of each column in the words of `datasets`, in their order.
        labels: the names that the column `label` counts through.
        shards: sha256 of each Parquet file by its path in the export.
    """
    context = resources.files("mpoxlens") / "datasets" / "export" / "templates" / "croissant-context.json"
    return {
        "@context": json.loads(context.read_text(encoding="utf-8")),
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS),
        "name": about.name,
        "description": _description(facts),
        "version": about.version,
        "license": about.licence or _licences(facts),
        "creator": {"@type": "sc:Organization", "name": about.creator or LEFT_OPEN},
        "citeAs": _cited(facts, about),
        "keywords": ["dermatology", "mpox", "skin photographs"],
        "datePublished": about.date or written,
        **({"url": about.url} if about.url else {}),
        **{f"rai:{name}": value for name, value in _responsible(facts, about).items()},
        "distribution": [*_files(shards)],
        "recordSet": [_labels(facts, labels), _photographs(columns)],
    }


def _description(facts: Facts) -> str:
    held = (
        "The photographs are in it." if facts.images else "The photographs are not in it, only what is known of them."
    )
    return (
        f"{facts.photographs} photographs of skin with {len(facts.labels)} labels in {facts.groups} clusters of one "
        f"person or scene. {held} {INTENDED_USE}"
    )


def _cited(facts: Facts, about: About) -> str:
    """What the publisher asks for, and below it the sources; a reader of BibTeX passes over what is no entry."""
    sources = [f"{name}: {citation}" for name, citation in facts.citations.items()]
    return "\n".join([about.cite or LEFT_OPEN, *["Its sources:"] * bool(sources), *sources])


def _licences(facts: Facts) -> str:
    counted = (f"{n} photographs: {licence or 'none'} ({in_words(licence)})" for licence, n in facts.licences.items())
    return "As the column licence says of each photograph. " + "; ".join(counted) + "."


def _responsible(facts: Facts, about: About) -> dict[str, Any]:
    """The fields of the RAI vocabulary, from the tables alone."""
    known = sum(n for tone, n in facts.tones.items() if tone)
    return {
        "dataCollection": f"Gathered from {len(facts.sources)} published data sets: {_listed(facts.sources)}. "
        + (about.collection or "How each was collected stands in its own publication."),
        "dataCollectionType": ["Secondary Data analysis"],
        "dataCollectionMissingData": f"A patient is named for {facts.with_patient} and a skin tone for {known} of "
        f"{facts.photographs} photographs; the others are empty, nothing is imputed.",
        "dataCollectionRawData": "The files as published, known by their sha256; they are never altered.",
        "dataPreprocessingProtocol": [*_preprocessing(facts)],
        "dataAnnotationProtocol": [*_annotation(facts), *[about.labelling] * bool(about.labelling)],
        "dataBiases": [*_biases(facts)],
        "dataLimitations": [
            "Labels are as good as those of the sources; how they were confirmed is not recorded.",
            "Where no patient is named, one person may be in several clusters.",
            "Counts by source and tone are those of what was published, not of any population.",
        ],
        "dataUseCases": [
            "Research into reading rashes from photographs: training, validation, and measuring what a model misses.",
            "Not for diagnosis, and not for telling who a person is.",
        ],
        "dataSocialImpact": "A model that reads skin tone or source instead of disease harms those whom the data show "
        "least; report by tone and source.",
        "personalSensitiveInformation": [
            "Photographs of people's skin are health data.",
            f"Photographs with a face that was marked or detected, and is hidden where they are shown: {facts.hidden}.",
            f"Photographs that were not looked at for faces: {facts.unseen}. No detector finds every face.",
            f"A skin tone is given for {known} photographs.",
        ],
        "dataReleaseMaintenancePlan": about.maintenance or LEFT_OPEN,
    }


def _preprocessing(facts: Facts) -> Iterator[str]:
    yield f"{facts.copies} copies of the same file were set aside from {facts.ingested} different photographs."
    if facts.links is not None:
        yield f"Pairs that show the same, which share a cluster: {_listed(facts.links) or 'none'}."
    if facts.images:
        yield "Photographs were turned upright, reduced where large, and encoded again without metadata."


def _annotation(facts: Facts) -> Iterator[str]:
    yield "Labels as published by the sources, mapped to common names."
    if facts.reviews:
        yield f"{facts.reviewers} reviewer(s) decided: {_listed(facts.reviews)}."
    if facts.dropped:
        yield f"Left out by review: {_listed(facts.dropped)}."
    if facts.relabelled:
        yield f"Relabelled by review: {_listed(facts.relabelled)}."


def _biases(facts: Facts) -> Iterator[str]:
    yield f"Labels: {_listed(facts.labels)}."
    by_source = {f"{label} from {source}": n for (label, source), n in facts.label_by_source.items()}
    yield f"Labels come from different sources, which a model may learn instead: {_listed(by_source)}."
    yield f"Skin tone as published: {_listed({tone or 'not published': n for tone, n in facts.tones.items()})}."
    for row in facts.audit or ():
        yield (
            f"{row['positives']} is told from {', '.join(row['against'])} by {row['cue']} alone with "
            f"AUROC {row['auroc']:.2f} (95 % interval {row['low']:.2f} to {row['high']:.2f})."
        )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({n})" for name, n in counts.items())


def _files(shards: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for path, sha256 in shards.items():
        name = path.rpartition("/")[2]
        file = {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": path}
        yield file | {"encodingFormat": PARQUET, "sha256": sha256}
    every = {"@type": "cr:FileSet", "@id": "tables", "name": "tables"}
    yield every | {"includes": "data/*.parquet", "encodingFormat": PARQUET}


def _labels(facts: Facts, labels: Sequence[str]) -> dict[str, Any]:
    fields = {"index": "sc:Integer", "name": "sc:Text", "system": "sc:Text", "code": "sc:Text", "term": "sc:Text"}
    described = {
        "index": "as in the column label",
        "name": "of the label",
        "system": "that the code is of",
        "code": "of the concept, empty where none was verified",
        "term": "of the concept",
    }
    return {
        "@type": "cr:RecordSet",
        "@id": "labels",
        "name": "labels",
        "description": "the labels, with the SNOMED CT concept where one was verified",
        "dataType": "sc:Enumeration",
        "key": {"@id": "labels/index"},
        "field": [_field("labels", name, kind, described[name]) for name, kind in fields.items()],
        "data": [
            {"labels/index": n, "labels/name": label}
            | {f"labels/{part}": getattr(facts.codes.get(label), part, "") for part in ("system", "code", "term")}
            for n, label in enumerate(labels)
        ],
    }


def _photographs(columns: Mapping[str, str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "photographs",
        "name": "photographs",
        "description": "one row a photograph",
        "key": {"@id": "photographs/sha256"},
        "field": [_column(name, kind) for name, kind in columns.items()],
    }


def _column(name: str, kind: str) -> dict[str, Any]:
    types = {"image": "sc:ImageObject", "int64": "sc:Integer"}
    extract = {"fileSet": {"@id": "tables"}, "extract": {"column": name}}
    field = _field("photographs", name, types.get(kind, "sc:Text"), _DESCRIBED[name]) | {"source": extract}
    if kind == "image":
        extract["transform"] = {"jsonPath": "bytes"}
    if kind == "list":
        field |= {"isArray": True, "arrayShape": "-1"}
    if name == "label":
        field["references"] = {"field": {"@id": "labels/index"}}
    return field


def _field(of: str, name: str, kind: str, description: str) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"{of}/{name}", "name": name, "description": description, "dataType": kind}

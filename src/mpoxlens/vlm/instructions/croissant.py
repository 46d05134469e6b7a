"""Croissant metadata of a question-answer set, which says aloud that its histories are simulated."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from mpoxlens.datasets.export.croissant import CONFORMS, LEFT_OPEN, PARQUET
from mpoxlens.schema import INTENDED_USE
from mpoxlens.vlm.instructions.nouns import SCHEMA, Instruction

DESCRIBED = {
    "id": "of the record",
    "sha256": "of the photograph's file; or phantom:SEED or made:NAME:SEED of what mpoxlens draws from a seed",
    "cluster": "of pictures of one person or scene, which no split may cut",
    "label": "of the photograph; phantom or no skin of what is drawn",
    "kind": "diagnosis, description, effect, advice, quality or refusal",
    "topic": "of the templates, within the kind",
    "split": "train, or template-test where the question's wording never comes in training",
    "question": "what is asked",
    "history": "a simulated history in words; empty where nothing is said",
    "answer": "true as far as the label, the drawing or the published frequencies go",
    "info": "the known answers of the history as JSON, by the fields of mpoxlens questions",
    "posterior": "exact probability of mpox given the history alone, all labels being as likely before",
    "simulated": "the history was drawn from published frequencies; no person said it",
    "profile": "of the frequencies",
    "disease": "whose history it is",
    "vignette_seed": "from which the history is drawn again",
    "altered": "what is done to the picture before it is shown; empty where nothing is",
}
_TYPES = {"string": "sc:Text", "double": "sc:Float", "bool": "sc:Boolean", "int64": "sc:Integer"}


def croissant(records: Sequence[Instruction], files: Sequence[Path]) -> dict[str, Any]:
    """Return the JSON-LD document.

    Args:
        records: the set.
        files: those written, the Parquet file first.
    """
    context = resources.files("mpoxlens") / "datasets" / "export" / "templates" / "croissant-context.json"
    return {
        "@context": json.loads(context.read_text(encoding="utf-8")),
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS),
        "name": "Questions and answers about skin photographs",
        "description": _description(records),
        "version": "1.0.0",
        "license": "Texts: Apache-2.0. The photographs are not in it and keep their own licences.",
        "creator": {"@type": "sc:Organization", "name": LEFT_OPEN},
        "citeAs": LEFT_OPEN,
        "keywords": ["dermatology", "mpox", "visual question answering", "simulated histories"],
        "datePublished": datetime.now(UTC).date().isoformat(),
        "rai:dataCollection": "Questions and answers come from templates; no person wrote or answered them.",
        "rai:dataCollectionType": ["Synthetic Data Generation"],
        "rai:dataBiases": [
            f"Kinds: {_listed(records, 'kind')}.",
            f"Labels: {_listed(records, 'label')}.",
        ],
        "rai:dataLimitations": [
            "Histories are drawn from published frequencies of one time and place, with stated assumptions.",
            "Diagnoses are the labels of the photographs, which no test confirms here.",
        ],
        "rai:dataUseCases": [
            "Training and testing of models that answer questions about skin photographs.",
            INTENDED_USE,
        ],
        "rai:personalSensitiveInformation": ["None: histories are of nobody, photographs are named by their sha256."],
        "distribution": [_file(path) for path in files],
        "recordSet": [_records(files[0].name)],
    }


def _description(records: Sequence[Instruction]) -> str:
    pictures = len({one.sha256 for one in records})
    simulated = sum(one.simulated for one in records)
    return (
        f"{len(records)} questions with answers about {pictures} pictures. {simulated} come with a history; all "
        f"histories are simulated, none is of a person. {INTENDED_USE}"
    )


def _listed(records: Sequence[Instruction], field: str) -> str:
    counted = Counter(getattr(one, field) for one in records).most_common()
    return ", ".join(f"{name} ({count})" for name, count in counted)


def _file(path: Path) -> dict[str, Any]:
    kind = PARQUET if path.suffix == ".parquet" else "application/json"
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    named = {"@type": "cr:FileObject", "@id": path.name, "name": path.name, "contentUrl": path.name}
    return named | {"encodingFormat": kind, "sha256": sha256}


def _records(table: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "instructions",
        "name": "instructions",
        "description": "one row a question",
        "key": {"@id": "instructions/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"instructions/{field.name}",
                "name": field.name,
                "description": DESCRIBED[field.name],
                "dataType": _TYPES[str(SCHEMA.field(field.name).type)],
                "source": {"fileObject": {"@id": table}, "extract": {"column": field.name}},
            }
            for field in fields(Instruction)
        ],
    }

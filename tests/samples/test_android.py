"""The Android sample reads what is written, by the bounds and words of the clinic, and asks for no permission."""

import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest
from tests import tiny

from mpoxlens import photo, preprocess, rules
from mpoxlens.bundle import Bundle
from mpoxlens.datasets.phantom import draw
from mpoxlens.schema import Decision, ImageRecord
from mpoxlens.screening import decide, gate, heatmap

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "android"
MAIN = SAMPLE / "app" / "src" / "main"
CORE = MAIN / "kotlin" / "org" / "mpoxlens" / "sample" / "core"
ANDROID = "{http://schemas.android.com/apk/res/android}"
TOOLS = "{http://schemas.android.com/tools}"
MIRRORED = {  # Kotlin file -> what it mirrors
    "Gate.kt": gate,
    "Decide.kt": decide,
    "Heatmap.kt": heatmap,
    "PhotoLimits.kt": photo,
    "Preprocess.kt": preprocess,
    "Rules.kt": rules,
}
CONSTANT = re.compile(r"^(?:private )?(?:const )?val ([A-Z_]+) = (.+?)(?: //.*)?$", re.MULTILINE)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The description that stands beside a file which was really written, of a tiny network."""
    import torch

    from mpoxlens.optimise import precision, write
    from mpoxlens.optimise.source import Photographs, Source
    from mpoxlens.vision.backbones import create
    from mpoxlens.vision.recipe import ModelRecipe

    folder = tmp_path_factory.mktemp("phone")
    torch.manual_seed(5)
    network = create(ModelRecipe(backbone="test_efficientnet", weights="none", frozen_blocks=0, size=64), 4).eval()
    source = Source(network, Bundle.load(tiny.build(folder / "bundle")), ())
    pixels = [draw(i, size=72, count=12 * (i % 2)).pixels for i in range(4)]
    labels = ("healthy", "mpox")
    records = tuple(ImageRecord(str(i), "", labels[i % 2], "drawn", None, 72, 72, str(i)) for i in range(4))
    checked = write.checked_on(source, Photographs(pixels, records))
    done = write.write_variant(source, precision.write, "onnx", "fp32", None, checked, folder / "out")
    description: dict[str, object] = json.loads(done.about.read_text(encoding="utf-8"))
    return description


def kotlin(name: str) -> str:
    return (CORE / name).read_text(encoding="utf-8")


def constants(name: str) -> dict[str, object]:
    """Return the constants of a Kotlin file that are numbers or arrays of numbers."""
    found: dict[str, object] = {}
    for key, value in CONSTANT.findall(kotlin(name)):
        if array := re.fullmatch(r"(?:double|int)ArrayOf\((.+)\)", value):
            found[key] = tuple(json.loads(f"[{array[1]}]"))
        elif re.fullmatch(r"[\d.]+", value):
            found[key] = json.loads(value)
    return found


def numbers(module: ModuleType) -> dict[str, object]:
    """Return a module's own public constants that are numbers or tuples of numbers."""
    return {
        key: value
        for key, value in vars(module).items()
        if key.isupper() and not key.startswith("_") and isinstance(value, int | float | tuple)
        if not isinstance(value, tuple) or all(isinstance(v, int | float) for v in value)
    }


@pytest.mark.parametrize("name", MIRRORED)
def test_bounds_are_those_of_the_clinic(name: str) -> None:
    known, found = numbers(MIRRORED[name]), constants(name)
    if name == "Heatmap.kt":  # written there as what it is: the bound of the rules
        assert "const val SATURATION = MAX_LOG_ODDS" in kotlin(name)
        assert heatmap.SATURATION == rules.MAX_LOG_ODDS == constants("Rules.kt")["MAX_LOG_ODDS"]
        known = {key: value for key, value in known.items() if key not in ("SATURATION", "MAX_LOG_ODDS")}
    assert {key: found.get(key) for key in known} == known


def test_decisions_have_the_words_of_the_clinic() -> None:
    words = re.findall(r'^    ([A-Z_]+)\("(.+)"\),$', kotlin("Decide.kt"), re.MULTILINE)
    assert words == [(decision.name, decision.value) for decision in Decision]


def test_every_text_is_in_the_table_that_the_build_puts_into_the_app() -> None:
    table = json.loads((ROOT / "web" / "src" / "tables" / "strings.json").read_text(encoding="utf-8"))
    code = "\n".join(path.read_text(encoding="utf-8") for path in CORE.glob("*.kt"))
    keys = set(re.findall(r'Texts\.reason\((?:if \(likely\) )?"(\w+)"', code))
    keys |= set(re.findall(r'else "(\w+)", share', code))
    several = {"photos_disagree", "photo_left_out"}  # of several photographs; the sample takes one
    assert keys == set(table["reasons"]) - several
    for path in re.findall(r'text\("([\w.]+)"\)', kotlin("Texts.kt")):
        entry = table
        for part in path.split("."):
            entry = entry[part]
        assert isinstance(entry, str)


def test_folders_that_the_build_reads_are_there() -> None:
    text = (SAMPLE / "app" / "build.gradle.kts").read_text(encoding="utf-8")
    folders = [(SAMPLE / "app" / path).resolve() for path in re.findall(r'srcDir\("(.+?)"\)', text)]
    assert folders == [ROOT / "web" / "src" / "tables", ROOT / "web" / "test" / "vectors"]
    tests = "\n".join(p.read_text(encoding="utf-8") for p in (SAMPLE / "app" / "src" / "test").rglob("*.kt"))
    used = set(re.findall(r'vectors\("(\w+)"\)', tests))
    assert used == {"pictures", "decisions", "screenings"}
    assert all((folders[1] / f"{name}.json").is_file() for name in used)


def test_the_core_knows_nothing_of_android() -> None:
    for path in CORE.glob("*.kt"):
        imports = re.findall(r"^import (\w+)\.", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(imports) <= {"java", "kotlin", "kotlinx"}, path.name


def test_the_app_asks_for_no_permission() -> None:
    manifest = ET.parse(MAIN / "AndroidManifest.xml").getroot()  # noqa: S314  our own file
    asked = manifest.findall("uses-permission") + manifest.findall("uses-permission-sdk-23")
    assert {p.get(f"{TOOLS}node") for p in asked} == {"remove"}
    assert "android.permission.INTERNET" in {p.get(f"{ANDROID}name") for p in asked}
    (application,) = manifest.findall("application")
    assert application.get(f"{ANDROID}allowBackup") == "false"


def test_every_view_and_string_is_declared() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (MAIN / "kotlin").rglob("*.kt"))
    layout = (MAIN / "res" / "layout" / "screen.xml").read_text(encoding="utf-8")
    views = {v.get(f"{ANDROID}id") for v in ET.fromstring(layout).iter()} - {None}  # noqa: S314  our own file
    assert {f"@+id/{name}" for name in re.findall(r"R\.id\.(\w+)", code)} == views
    strings = ET.parse(MAIN / "res" / "values" / "strings.xml").getroot()  # noqa: S314
    manifest = (MAIN / "AndroidManifest.xml").read_text(encoding="utf-8")
    used = set(re.findall(r"R\.string\.(\w+)|@string/(\w+)", code + layout + manifest))
    assert {a or b for a, b in used} == {s.get("name") for s in strings}


def test_libraries_are_those_of_the_catalogue() -> None:
    catalogue = tomllib.loads((SAMPLE / "gradle" / "libs.versions.toml").read_text(encoding="utf-8"))
    scripts = "\n".join(
        p.read_text(encoding="utf-8") for p in (SAMPLE / "app/build.gradle.kts", SAMPLE / "build.gradle.kts")
    )
    named = set(re.findall(r"libs\.([a-z.]+[a-z])", scripts))
    known = {key.replace("-", ".") for key in catalogue["libraries"]}
    known |= {"plugins." + key.replace("-", ".") for key in catalogue["plugins"]}
    assert named == known
    refs = [entry["version"]["ref"] for kind in ("libraries", "plugins") for entry in catalogue[kind].values()]
    assert set(refs) == set(catalogue["versions"])


def test_every_entry_that_is_read_is_written(written: dict[str, object]) -> None:
    text = kotlin("Description.kt")
    paths = re.findall(r'json\.find\("([\w.]+)"\)', text)
    assert len(paths) > 15
    for path in paths:
        entry: object = written
        for part in path.split("."):
            assert isinstance(entry, dict), path
            assert part in entry, path
            entry = entry[part]
    assert written["format"] == json.loads(re.findall(r"const val FORMAT = (\d+)", text)[0])
    assert written["outputs"] == re.findall(r'"(\w+)"', re.findall(r"val OUTPUTS = listOf\((.+)\)", text)[0])
    assert set(re.findall(r'json\.optional\("(\w+)"\)', text)) == {"ood", "map"}  # names of bundle.json

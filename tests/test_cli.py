"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from mpoxlens import __version__, cli, cli_data
from mpoxlens.datasets.phantom import STAGES
from mpoxlens.screening import report as reports

ASCII = os.environ | {"PYTHONIOENCODING": "ascii"}


def run(*arguments: object, **options: object) -> Result:
    return CliRunner().invoke(cli.main, [str(a) for a in arguments], **options)  # type: ignore[arg-type]


def test_one_photo_for_people(tiny_path: Path, photo_path: Path) -> None:
    found = run("screen", photo_path, "--bundle", tiny_path)
    assert found.exit_code == 0
    for text in ("MPOX LIKELY", "chance of mpox", "●", "Next: Avoid close contact", "Research use only. Not a diag"):
        assert text in found.stdout
    assert 'the line for "likely": 40 %' in found.stdout
    assert found.stderr == ""


def test_a_folder_with_bad_files_screens_the_rest_and_says_so(tiny_path: Path, photo_path: Path) -> None:
    bad = photo_path.with_name("bad.jpg")
    bad.write_bytes(b"no photo")
    found = run("screen", photo_path.parent, "--bundle", tiny_path, "--json")
    assert found.exit_code == 1
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(Path(line["file"]).name, line["decision"]) for line in lines] == [
        ("bad.jpg", None),
        ("rash.jpg", "mpox likely"),
    ]
    assert f"mpoxlens: {bad}: not a photo in a format that we read" in found.stderr
    assert "1 screened, 1 refused" in found.stderr


def test_one_bad_argument_does_not_stop_the_rest(tiny_path: Path, photo_path: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = tmp_path / "r.html"
    found = run("screen", tmp_path / "empty", photo_path, "--bundle", tiny_path, "--report", report)
    assert found.exit_code == 1
    assert "mpox likely" in found.stdout
    assert found.stderr.startswith(f"mpoxlens: {tmp_path / 'empty'}: no photos in this folder; ")
    assert found.stderr.splitlines()[-1].startswith("Research use only.")
    page = report.read_text("utf-8")
    assert "Not screened" in page
    assert "no photos in this folder" in page
    assert run("screen", tmp_path / "empty", "--bundle", tiny_path).exit_code == 2


def test_nothing_screened_is_exit_code_two(tiny_path: Path, tmp_path: Path) -> None:
    found = run("screen", tmp_path / "no.jpg", "--bundle", tiny_path)
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr == f"mpoxlens: {tmp_path / 'no.jpg'}: no such file; check the name\n"


def test_photos_of_one_person_give_one_result(tiny_path: Path, photo_path: Path, tmp_path: Path) -> None:
    (tmp_path / "a_bad.jpg").write_bytes(b"no photo")
    Image.open(photo_path).rotate(90).save(tmp_path / "turned.png")
    report = tmp_path / "r.html"
    found = run("screen", tmp_path, "--together", "--bundle", tiny_path, "--json", "--report", report)
    assert found.exit_code == 1
    refused, screened = map(json.loads, found.stdout.splitlines())
    assert (Path(refused["file"]).name, refused["decision"]) == ("a_bad.jpg", None)
    assert screened["file"] == f"{photo_path}, {tmp_path / 'turned.png'}"
    assert screened["decision"] == "mpox likely"
    assert len(screened["provenance"]["photo_sha256"]) == 64 + 1 + 64
    page = report.read_text("utf-8")
    assert page.count("data:image/jpeg") == 2
    assert "a_bad.jpg: not a photo" in page
    alone = run("screen", photo_path, "--bundle", tiny_path)
    assert run("screen", photo_path, "--together", "--bundle", tiny_path).stdout == alone.stdout
    assert run("screen", tmp_path / "a_bad.jpg", "--together", "--bundle", tiny_path).exit_code == 2


def test_history_moves_the_probability(tiny_path: Path, photo_path: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text('{"contact_21_days": true}')
    found = run("screen", photo_path, "--bundle", tiny_path, "--history", answers, "--json")
    data = json.loads(found.stdout)
    assert data["probability"] > data["photo_probability"]
    answers.write_text('{"contact_21_dys": true}')
    found = run("screen", photo_path, "--bundle", tiny_path, "--history", answers)
    assert found.exit_code == 2
    assert found.stderr == (f"mpoxlens: {answers}: contact_21_dys: no such question; did you mean contact_21_days?\n")


def test_asking(tiny_path: Path, photo_path: Path) -> None:
    found = run("screen", photo_path, "--bundle", tiny_path, "--ask", "--json", input="31\n5\nyes\n")
    assert json.loads(found.stdout)["history"]["answered"] == 3
    assert "How old is the person" in found.stderr
    both = run("screen", photo_path, "--ask", "--history", "a.json")
    assert both.exit_code == 2
    assert "--ask and --history: give one of the two" in both.stderr


def test_nobody_is_asked_about_photos_that_are_not_there(tmp_path: Path) -> None:
    found = run("screen", tmp_path / "no.jpg", "--ask", input="31\n")
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr == f"mpoxlens: {tmp_path / 'no.jpg'}: no such file; check the name\n"


def test_site_table(tiny_path: Path, photo_path: Path, tmp_path: Path) -> None:
    found = run("screen", photo_path, "--bundle", tiny_path, "--site", tmp_path / "no.toml")
    assert found.exit_code == 2
    assert found.stderr == (
        f"mpoxlens: {tmp_path / 'no.toml'}: cannot be read (No such file or directory); check the name\n"
    )


def test_report(tiny_path: Path, photo_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    found = run("screen", photo_path, "--bundle", tiny_path, "--report", out)
    assert found.exit_code == 0, found.output
    assert f"report: {out}" in found.stdout
    assert "<html" in out.read_text("utf-8")
    assert list(tmp_path.glob(".*")) == []


def test_a_report_never_takes_the_place_of_what_is_read(photo_path: Path, tmp_path: Path) -> None:
    page, linked = tmp_path / "photo.html", tmp_path / "linked.html"
    page.write_bytes(photo_path.read_bytes())
    linked.hardlink_to(photo_path)
    answers, site = tmp_path / "answers.html", tmp_path / "site.html"
    answers.write_text("{}")
    site.write_text("")
    why = "this file is read as a photo or as answers; name another file for the report"
    for arguments, report in (
        ([page], page),
        ([photo_path], linked),
        ([photo_path, "--history", answers], answers),
        ([photo_path, "--site", site], tmp_path / "." / "site.html"),
    ):
        before = report.read_bytes()
        found = run("screen", *arguments, "--report", report)
        assert (found.exit_code, found.stderr) == (2, f"mpoxlens: --report {report}: {why}\n")
        assert report.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "why"),
    [("rash.jpg", "a report is a web page"), ("no/r.html", "there is no folder"), ("d.html", "it is a folder")],
)
def test_a_report_of_an_impossible_name_is_refused(photo_path: Path, tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "d.html").mkdir()
    found = run("screen", photo_path, "--report", tmp_path / name)
    assert found.exit_code == 2
    assert found.stderr.startswith(f"mpoxlens: --report {tmp_path / name}: {why}")


def test_a_drawing_replaces_drawings_alone(photo_path: Path, tmp_path: Path) -> None:
    out, photo = tmp_path / "phantom.png", tmp_path / "photo.png"
    assert run("phantom", out, "--size", 64).exit_code == 0
    assert run("phantom", out, "--size", 96).exit_code == 0
    photo.write_bytes(photo_path.read_bytes())
    assert (
        run("phantom", photo).stderr
        == f"mpoxlens: {photo}: it exists, and it is no drawing of ours; name another file\n"
    )
    assert photo.read_bytes() == photo_path.read_bytes()
    assert "a drawing is a PNG file" in run("phantom", tmp_path / "x.jpg").stderr


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full, nothing was written; free some space and try again"),
        (errno.EACCES, "cannot be written (Permission denied); name another place"),
    ],
)
def test_a_report_that_cannot_be_written(
    tiny_path: Path, photo_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(reports, "write_report", full)
    out = tmp_path / "out.html"
    out.write_text("as it was")
    found = run("screen", photo_path, "--bundle", tiny_path, "--report", out)
    assert found.exit_code == 2
    assert found.stderr == f"mpoxlens: {out}: {message}\n"
    assert out.read_text() == "as it was"


def test_a_report_holds_fifty_photos(tiny_path: Path, photo_path: Path) -> None:
    found = run("screen", *[photo_path] * 51, "--bundle", tiny_path, "--report", "o.html")
    assert found.exit_code == 2
    assert found.stderr == (
        "mpoxlens: --report o.html: a report holds at most 50 photos; name fewer photos, or use --json\n"
    )


def test_bundle_show_and_verify(tiny_path: Path, tmp_path: Path) -> None:
    assert "# tiny" in run("bundle", "show", tiny_path).stdout
    assert "tiny 1 is whole" in run("bundle", "verify", tiny_path).stdout
    found = run("bundle", "verify", tmp_path)
    assert found.exit_code == 2
    assert found.stderr == (f"mpoxlens: {tmp_path / 'bundle.json'}: no such file; download or build the bundle again\n")


def test_phantom_is_a_photo_that_screens(tiny_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "phantom.png"
    assert run("phantom", out, "--seed", 3, "--count", 5, "--stage", "papule", "--size", 200).exit_code == 0
    with Image.open(out) as image:
        assert image.width == 200
        assert image.height > 200  # the caption
    assert run("screen", out, "--bundle", tiny_path).exit_code == 0
    far = run("phantom", tmp_path / "no" / "x.png")
    assert far.exit_code == 2
    assert "cannot be written (No such file or directory); name another place" in far.stderr
    assert cli.STAGES == STAGES


def test_train_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(cli_data, "import_module", missing)
    found = run("train", "recipe.toml", "--data", "d", "--out", "o")
    assert found.exit_code == 2
    assert found.stderr == (
        "mpoxlens: mpoxlens train: it needs the package torch; install it with: pip install 'mpoxlens[train]'\n"
    )


def test_version_schema_and_questions() -> None:
    assert run("--version").stdout == f"mpoxlens, version {__version__}\n"
    assert json.loads(run("schema").stdout)["title"] == "mpoxlens screening"
    assert "contact_21_days" in run("questions").stdout
    assert "Exit codes: 0 everything done" in run("screen", "--help").stdout


def started(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mpoxlens", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_ends_in_one_line(tiny_path: Path, photo_path: Path) -> None:
    process = started("screen", photo_path, "--bundle", tiny_path, "--ask", stdin=subprocess.PIPE)
    assert process.stderr
    while b"How old" not in process.stderr.readline() + process.stderr.read(8):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.decode().splitlines()[-1] == "mpoxlens: stopped"
    assert b"Traceback" not in rest


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_that_goes_away_is_no_error(tiny_path: Path, photo_path: Path) -> None:
    process = started("screen", *[photo_path] * 200, "--bundle", tiny_path, "--json", stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=120) == 141
    assert said == b""


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_text_for_people_into_a_closed_pipe(tiny_path: Path, photo_path: Path, tmp_path: Path, closed: str) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "mpoxlens", "screen", photo_path, tmp_path / "no.jpg", "--bundle", tiny_path]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {closed: write}
    done = subprocess.run(command, **streams, check=False, timeout=120)  # type: ignore[call-overload]
    os.close(write)
    assert done.returncode == 141
    assert b"Traceback" not in (done.stderr or b"")


def test_an_encoding_without_the_signs_is_no_error(tiny_path: Path, photo_path: Path) -> None:
    odd = photo_path.with_name("r\xe4sh\u2603.jpg")
    odd.write_bytes(photo_path.read_bytes())
    for options in ((), ("--json",)):
        process = started("screen", odd, "--bundle", tiny_path, *options, stdout=subprocess.PIPE, env=ASCII)
        said, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, b"")
        assert b"mpox likely" in said.lower()
        assert said.isascii()

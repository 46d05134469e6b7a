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

from mpoxlens import __version__, cli
from mpoxlens.datasets.phantom import STAGES
from mpoxlens.screening import report as reports


def run(*arguments: object, **options: object) -> Result:
    return CliRunner().invoke(cli.main, [str(a) for a in arguments], **options)  # type: ignore[arg-type]


def test_one_photo_for_people(tiny_path: Path, photo_path: Path) -> None:
    found = run("screen", photo_path, "--bundle", tiny_path)
    assert found.exit_code == 0
    for text in ("MPOX LIKELY", "chance of mpox", "●", "Next: Avoid close contact", "Research use only. Not a diag"):
        assert text in found.stdout
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


def test_nothing_screened_is_exit_code_two(tiny_path: Path, tmp_path: Path) -> None:
    found = run("screen", tmp_path / "no.jpg", "--bundle", tiny_path)
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr == f"mpoxlens: {tmp_path / 'no.jpg'}: no such file; check the name\n"


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

    monkeypatch.setattr(cli, "import_module", missing)
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

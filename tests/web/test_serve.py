"""The server of the phone page and the folder that is written for hosts, with a site of three files."""

import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest
from click.testing import CliRunner

from mpoxlens.bundle import default_path
from mpoxlens.cli_web import web
from mpoxlens.errors import MpoxlensError
from mpoxlens.web import site
from mpoxlens.web.serve import Server, listen


@pytest.fixture
def small_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site as `web/build.py` leaves it, made for the installed bundle, where the package would hold it."""
    folder = tmp_path / "package"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>the page</title>")
    (folder / "assets" / "run-1a2b.wasm").write_bytes(b"\0asm")
    bundle = hashlib.sha256((default_path() / "bundle.json").read_bytes()).hexdigest()
    (folder / "build.json").write_text(json.dumps({"bundle": bundle}))
    monkeypatch.setattr(site, "SITE", folder)
    return folder


@pytest.fixture
def server(small_site: Path) -> Iterator[Server]:
    with listen(0) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask(server: Server, path: str, method: str = "GET", host: str | None = None) -> tuple[HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    try:
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_the_page_comes_with_headers_that_keep_it_to_itself(server: Server) -> None:
    answer, body = ask(server, "/")
    assert (answer.status, body) == (200, b"<title>the page</title>")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "http" not in policy
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Permissions-Policy"] == "camera=(self), microphone=(), geolocation=()"


def test_files_have_the_types_that_browsers_insist_on(server: Server) -> None:
    answer, body = ask(server, "/assets/run-1a2b.wasm")
    assert (answer.headers["Content-Type"], body) == ("application/wasm", b"\0asm")


def test_the_bundle_is_the_installed_one(server: Server) -> None:
    answer, body = ask(server, "/bundle/bundle.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert body == (default_path() / "bundle.json").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/bundle/",
        "/bundle/card.md",
        "/bundle/..%2f..%2ferrors.py",
        "/../errors.py",
        "/%00",
        "/none.js",
        "/assets/%2e%2e/%2e%2e/errors.py",
        "/..%5cerrors.py",
        "//errors.py",
        "/%2fetc%2fpasswd",
        "/bundle/bundle.json/",
    ],
)
def test_nothing_else_is_given_out(server: Server, path: str, capfd: pytest.CaptureFixture[str]) -> None:
    answer, _ = ask(server, path)
    assert answer.status == 404
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert capfd.readouterr().err == ""


def test_only_reading_is_possible(server: Server) -> None:
    assert ask(server, "/", "HEAD")[0].status == 200
    assert ask(server, "/", "POST")[0].status == 501


@pytest.mark.parametrize(
    "host", ["elsewhere.example:80", "127.0.0.1.elsewhere.example", "localhost.example:8765", "[::1]:80"]
)
def test_a_name_that_another_site_points_here_is_refused(server: Server, host: str) -> None:
    assert ask(server, "/", host=host)[0].status == 403
    assert ask(server, "/bundle/bundle.json", "HEAD", host)[0].status == 403


@pytest.mark.parametrize("host", ["localhost:80", "127.0.0.1:9", "LocalHost", "127.0.0.1"])
def test_this_machine_by_its_own_names_is_answered(server: Server, host: str) -> None:
    assert ask(server, "/", host=host)[0].status == 200


def test_without_a_name_nothing_is_answered(server: Server) -> None:
    with socket.create_connection(server.server_address[:2], timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 403 " in connection.makefile("rb").readline()


def test_no_page_can_frame_or_open_this_one_for_its_own_ends(server: Server) -> None:
    policy = dict(part.strip().split(" ", 1) for part in site.POLICY.split(";"))
    assert policy["default-src"] == "'none'"  # so objects, frames and fonts are refused too
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'none'")
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    answer, _ = ask(server, "/none.js")
    for name, value in site.HEADERS.items():
        assert answer.headers[name] == value  # of a refusal too


def test_a_port_that_is_taken_is_one_line(small_site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(MpoxlensError, match=f"--port {port}: cannot listen there .*; name another port"):
            listen(int(port))


def test_a_page_that_was_not_built_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "SITE", tmp_path)
    with pytest.raises(MpoxlensError, match="it is not built here; run `make web`"):
        site.built_site()


def test_a_page_of_another_bundle_is_refused(small_site: Path) -> None:
    (small_site / "build.json").write_text('{"bundle": "00"}')
    with pytest.raises(MpoxlensError, match="another bundle than the installed one; run `make web`"):
        site.built_site()


def test_export_writes_all_that_a_host_needs(small_site: Path, tmp_path: Path) -> None:
    target = tmp_path / "site for a host"
    target.mkdir()
    done = CliRunner().invoke(web, ["--export", str(target)])
    assert (done.exit_code, done.output) == (0, f"written: {target}\n")
    written = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert written == [
        "_headers", "assets/run-1a2b.wasm", "build.json", "bundle/bundle.json", "bundle/golden.json",
        "bundle/model.onnx", "index.html",
    ]  # fmt: skip
    first, *rest = (target / "_headers").read_text().splitlines()
    assert first == "/*"
    assert dict(line.strip().split(": ", 1) for line in rest) == site.HEADERS


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("full", "the folder is not empty"),
        ("full/file", "it is a file"),
        ("none/new", "there is no folder"),
        ("link", "it is a link"),
        ("nowhere", "it is a link"),
        ("package/new", "cannot be written into this folder"),
        ("here", "cannot be written into this folder"),
    ],
)
def test_export_touches_nothing_that_is_there(
    small_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("kept")
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(MpoxlensError, match=why):
        site.export(Path() if name == "here" else tmp_path / name)
    assert (tmp_path / "full" / "file").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "here", "link", "nowhere", "package"]
    assert list((tmp_path / "here").iterdir()) == []

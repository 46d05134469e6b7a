"""Who gets in, and what is answered: asked over HTTP, without a browser."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient
from study_made import made

from mpoxlens.errors import DataError
from mpoxlens.explain.study.answers import enrol
from mpoxlens.explain.study.desk import Desk
from mpoxlens.explain.study.folder import Study
from mpoxlens.explain.study.server import LONGEST, app, serve

OWN = "http://127.0.0.1:9999"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, tiny_path: Path) -> Study:
    return made(tmp_path_factory.mktemp("server") / "study", tiny_path, count=4)


@pytest.fixture
def stranger(study: Study, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """Somebody on this machine who was not given the address."""
    with TestClient(
        app(Desk(enrol(study, request.node.name[:60])), "secret"), base_url=OWN, headers={"Origin": OWN}
    ) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    assert stranger.get("/?token=secret").status_code == 200
    return stranger


def test_the_address_works_once(stranger: TestClient) -> None:
    for path in ("/", "/?token=wrong", "/view", "/study.js", "/photo/1/0", "/view?token=secret"):
        refused = stranger.get(path)
        assert (refused.status_code, refused.headers.get("set-cookie")) == (403, None)
    assert stranger.get("/?token=secret").status_code == 200
    assert stranger.get("/view").status_code == 200
    stranger.cookies.clear()
    assert stranger.get("/?token=secret").status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Content-Type": "text/plain"}]
)
def test_writes_from_other_pages_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    given = {"session": 1, "at": 0, "answer": {"choices": {"confidence": "5"}}}
    assert client.post("/answer", json=given, headers=headers).status_code == 403
    assert client.get("/view").json()["reading"]["answer"]["choices"] == {}
    assert client.post("/answer", json=given).status_code == 200


def test_another_name_of_this_machine_is_refused(client: TestClient) -> None:
    assert client.get("/view", headers={"Host": "evil.example:9999"}).status_code == 400


def test_every_answer_forbids_other_origins_scripts_and_storing(client: TestClient) -> None:
    for path in ("/", "/view", "/photo/1/0", "/nothing", "/study.css", "/study.js"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; ")
        assert headers["cache-control"] == "no-store"
    page = client.get("/").text
    assert page.count("<script") == 1
    assert 'style="' not in page
    assert "http" not in page


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b"[" * 20000, b"{", b'{"session": true, "at": 0}', b'{"session": 1, "at": 0, "answer": 3}'],
)
def test_what_is_no_answer_is_refused_in_one_line(client: TestClient, content: bytes) -> None:
    got = client.post("/answer", content=content, headers={"Content-Type": "application/json"})
    assert got.status_code == 400
    assert set(got.json()) == {"error"}


def test_too_much_is_refused(client: TestClient) -> None:
    content = json.dumps({"answer": "x" * LONGEST}).encode()
    got = client.post("/answer", content=content, headers={"Content-Type": "application/json"})
    assert (got.status_code, "longer than" in got.json()["error"]) == (400, True)


@pytest.mark.parametrize("path", ["/photo/1/1", "/photo/2/0", "/photo/0/0", "/map/1/99", "/photo/1/-1", "/photo/a/0"])
def test_readings_that_are_not_open_are_not_there(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (400, 404)


def test_photographs_carry_no_metadata_and_maps_their_transparency(client: TestClient, study: Study) -> None:
    maps = 0
    for at in range(4):
        view = client.get("/view").json()
        photo = Image.open(io.BytesIO(client.get(f"/{view['reading']['photo']}").content))
        assert (photo.size, dict(photo.getexif()), photo.info.get("comment")) == ((128, 128), {}, None)
        names = ["confidence"]
        if view["reading"]["map"]:
            maps += 1
            names += ["on_lesions", "changes"]
            assert Image.open(io.BytesIO(client.get(f"/{view['reading']['map']}").content)).mode == "RGBA"
        else:
            assert client.get(f"/map/1/{at}").status_code == 400
        choices = dict(zip(names, ("3", "no", "yes"), strict=False))
        given = {"session": 1, "at": at, "answer": {"choices": choices, "seconds": 1, "done": True}}
        assert client.post("/answer", json=given).status_code == 200
    assert maps == 2
    assert client.get("/view").json()["state"] == "closed"


def test_no_study_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"study\.json: no such file; make it with: mpoxlens explain study make"):
        serve(tmp_path, "Ann", open_browser=False)


SERVE = """
import sys
from pathlib import Path
from mpoxlens.explain.study.server import serve
serve(Path(sys.argv[1]), sys.argv[2], open_browser=False)
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_page_without_a_traceback(study: Study) -> None:
    command = [sys.executable, "-u", "-W", "error", "-c", SERVE, str(study.folder), "Zoe"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert "/?token=" in server.stdout.readline()
        os.kill(server.pid, signal.SIGINT)
        out, err = server.communicate(timeout=60)
    assert (out.splitlines()[-1], err, server.returncode) == ("Page ended; every answer is kept.", "", 0)

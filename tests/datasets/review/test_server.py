"""Who gets in, and what is answered: asked over HTTP, without a browser."""

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from PIL import Image
from review_made import Made
from starlette.testclient import TestClient

from mpoxlens.datasets.manifest import CONFLICT
from mpoxlens.datasets.quality.checks import FLAGS
from mpoxlens.datasets.review.desk import Desk
from mpoxlens.datasets.review.queue import read_queue
from mpoxlens.datasets.review.server import _disputed, app, serve
from mpoxlens.datasets.review.session import Session
from mpoxlens.errors import DataError

OWN = "http://127.0.0.1:9999"


@pytest.fixture
def stranger(made: Made, tmp_path: Path) -> Iterator[TestClient]:
    """Somebody on this machine who was not given the address."""
    page = app(Desk(read_queue(made.work), Session(tmp_path / "ann.csv", "ann")), "secret")
    with TestClient(page, base_url=OWN, headers={"Origin": OWN}) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    assert stranger.get("/?token=secret").status_code == 200
    return stranger


def _act(client: TestClient, do: str, *names: str, **more: object) -> dict[str, object]:
    view = client.get("/view").json()
    asked = {"do": do, "photographs": list(names), "revision": view["revision"], **more}
    return client.post("/act", json=asked).json()


def test_the_address_works_once(stranger: TestClient) -> None:
    for path in (
        "/",
        "/?token=",
        "/?token=wrong",
        "/view",
        "/start",
        "/review.js",
        "/photo/x/small",
        "/view?token=secret",
    ):
        refused = stranger.get(path)
        assert (refused.status_code, refused.headers.get("set-cookie")) == (403, None)
    opened = stranger.get("/?token=secret")
    assert opened.status_code == 200
    assert re.fullmatch(
        r"mpoxlens-review-9999=[\w-]{32}; Path=/; HttpOnly; SameSite=Strict", opened.headers["set-cookie"]
    )
    assert stranger.get("/view").status_code == 200
    stranger.cookies.clear()
    assert stranger.get("/?token=secret").status_code == 403


def test_another_name_of_this_machine_is_refused(client: TestClient) -> None:
    assert client.get("/view", headers={"Host": "evil.example:9999"}).status_code == 400
    assert client.get("/view", headers={"Host": "127.0.0.1.evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1234"},
        {"Content-Type": "text/plain"},
    ],
)
def test_writes_from_other_pages_are_refused(
    client: TestClient, made: Made, tmp_path: Path, headers: dict[str, str]
) -> None:
    asked = {"do": "keep", "photographs": [made.sha["one"]], "revision": ""}
    assert client.post("/act", json=asked, headers=headers).status_code == 403
    del client.headers["Origin"]
    assert client.post("/act", json=asked).status_code == 403
    assert client.get("/act").status_code in (404, 405)
    assert not (tmp_path / "ann.csv").exists()


def test_every_answer_forbids_other_origins_and_storing(client: TestClient, made: Made) -> None:
    for path in ("/", "/view", f"/photo/{made.sha['one']}/small", "/nothing", "/review.css"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; ")
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_photographs_are_drawn_anew_at_a_bounded_size(client: TestClient, made: Made) -> None:
    stored = made.work.manifest().paths[made.sha["one"]]
    assert b"A maker of cameras" in stored.read_bytes()
    got = client.get(f"/photo/{made.sha['one']}/small")
    assert got.headers["content-type"] == "image/jpeg"
    assert b"A maker of cameras" not in got.content
    image = Image.open(io.BytesIO(got.content))
    assert (image.size, dict(image.getexif()), image.info.get("exif")) == ((320, 320), {}, None)


@pytest.mark.parametrize(
    "path", ["/photo/{}/small", "/photo/{}/huge", "/photo/%2e%2e%2fetc%2fpasswd/small", "/laid/{}/{}"]
)
def test_what_is_not_in_the_manifest_is_not_there(client: TestClient, path: str) -> None:
    assert client.get(path.format("0" * 64, "1" * 64)).status_code == 404


def test_a_photograph_that_changed_since_is_not_shown(photographs: Path, made: Made, client: TestClient) -> None:
    path = photographs / "healthy" / "plain.jpg"
    before = path.read_bytes()
    try:
        path.write_bytes((photographs / "mpox" / "one.jpg").read_bytes())
        got = client.get(f"/photo/{made.sha['plain']}/small")
    finally:
        path.write_bytes(before)
    assert got.status_code == 404
    assert "its content is no longer what was ingested" in got.json()["error"]


def test_a_mirrored_copy_is_laid_to_fit(client: TestClient, made: Made) -> None:
    one, mirror = (Image.open(io.BytesIO(client.get(path).content)).convert("L") for path in (
        f"/photo/{made.sha['one']}/small", f"/laid/{made.sha['one']}/{made.sha['mirror']}"))  # fmt: skip
    inside = (20, 20, 300, 300)
    apart = [abs(a - b) for a, b in zip(one.crop(inside).tobytes(), mirror.crop(inside).tobytes(), strict=True)]
    assert sum(apart) / len(apart) < 4  # grey levels; two strangers are more than 15 apart
    strangers = client.get(f"/laid/{made.sha['one']}/{made.sha['plain']}")
    assert strangers.status_code == 404
    assert "nothing in them matches" in strangers.json()["error"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"do": "explode"}, "unknown"),
        ({"do": "keep", "photographs": ["0" * 64]}, "not in this data set"),
        ({"do": "keep", "photographs": []}, "none is named"),
        ({"do": "keep", "photographs": "abc"}, "none is named"),
        ({"do": "accept", "item": 99}, "there is none"),
        ({"do": "accept", "item": "1"}, "a whole number"),
        ({"do": ["keep"]}, "a short text"),
    ],
)
def test_nonsense_is_refused_with_one_line(client: TestClient, asked: dict[str, object], message: str) -> None:
    answer = client.post("/act", json={"revision": "", **asked})
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 60_000, b'"' + b"x" * 70_000 + b'"'])
def test_what_is_no_json_is_refused(client: TestClient, data: bytes) -> None:
    answer = client.post("/act", content=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_a_page_that_shows_old_decisions_may_not_write(client: TestClient, made: Made) -> None:
    old = client.get("/view").json()["revision"]
    _act(client, "keep", made.sha["one"])
    late = client.post("/act", json={"do": "drop", "reason": "text", "photographs": [made.sha["one"]], "revision": old})
    assert (late.status_code, late.json()["changed"]) == (409, "page")
    assert client.get("/view?kind=conflict&at=1").json()["item"]["photographs"][0]["lines"] != []


def test_a_file_changed_underneath_is_told_and_read_again(client: TestClient, made: Made, tmp_path: Path) -> None:
    _act(client, "keep", made.sha["one"])
    text = (tmp_path / "ann.csv").read_text().replace("keep", "drop")
    (tmp_path / "ann.csv").write_text(text)
    answer = _act(client, "keep", made.sha["crop"])
    assert answer["changed"] == "file"
    assert (tmp_path / "ann.csv").read_text() == text
    assert client.post("/reload", json={"kind": "conflict", "at": 1}).json()["kind"] == "conflict"
    assert "error" not in _act(client, "keep", made.sha["crop"])


def test_an_undone_action_is_shown_where_it_was(client: TestClient, made: Made) -> None:
    _act(client, "flag", made.sha["flagged"], reason="hands")
    undone = _act(client, "undo", kind="mislabel")
    assert (undone["kind"], undone["item"]["photographs"][0]["sha256"]) == ("", made.sha["flagged"])


def test_filters_progress_and_the_next_undecided(client: TestClient, made: Made) -> None:
    assert client.get("/view?label=measles").json()["of"] == 1
    assert (
        client.get("/view?kind=flag&label=mpox").json() | {"item": None}
        == client.get("/view?kind=flag&label=mpox").json()
    )
    view = _act(client, "accept", item=0)
    assert (view["decided"], view["of"], view["item"]["decided"]) == (1, 6, True)
    assert client.get("/view?seek=1").json()["at"] == 1
    assert client.get("/view?seek=1&at=5").json()["at"] == 1


def test_disagreements_come_first(made: Made, tmp_path: Path) -> None:
    header = "sha256,action,value,reason,reviewer,date\n"
    (tmp_path / "a.csv").write_text(f"{header}{made.sha['plain']},keep,,,a,2026-01-01\n")
    (tmp_path / "b.csv").write_text(f"{header}{made.sha['plain']},drop,,text,b,2026-01-01\n")
    queue = read_queue(made.work, _disputed(made.work, (tmp_path / "a.csv", tmp_path / "b.csv")))
    item = queue.items[0]
    assert (item.kind, item.text) == ("disagreement", "a.csv: keep; b.csv: drop (text)")


def test_a_taken_port_is_one_line(made: Made, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--port 99999.*name another, or 0 for a free one"):
        serve(made.work, tmp_path / "a.csv", "ann", port=99_999, open_browser=False)


SERVE = """
import sys
from pathlib import Path
from mpoxlens.datasets.review.server import serve
from mpoxlens.datasets.workspace import Workspace
serve(Workspace(Path(sys.argv[1])), Path(sys.argv[2]), "ann", open_browser=False)
"""


@pytest.mark.parametrize("decided", [0, 2])
def test_ctrl_c_ends_the_review_with_what_comes_next(made: Made, tmp_path: Path, decided: int) -> None:
    decisions = tmp_path / "ann.csv"
    if decided:
        Session(decisions, "ann").judge([made.sha["one"], made.sha["crop"]], "keep")
    command = [sys.executable, "-u", "-W", "error", "-c", SERVE, str(made.work.path), str(decisions)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        address = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=\S{32}$", server.stdout.readline())
        server.stdout.readline()
        assert address
        connection = HTTPConnection("127.0.0.1", int(address[1]), timeout=20)
        connection.request("GET", "/")
        assert connection.getresponse().status == 403  # it is up
        connection.close()
        os.kill(server.pid, signal.SIGINT)
        out, err = server.communicate(timeout=20)
    following = f"decisions in {decisions}: 2. Next: mpoxlens data apply {made.work.path} --decisions {decisions}"
    assert (server.returncode, err) == (0, "")
    assert out == f"Review ended; {following if decided else 'nothing was decided.'}\n"


def test_the_page_knows_what_each_flag_means(client: TestClient) -> None:
    assert set(client.get("/start").json()["meanings"]) == {*FLAGS, CONFLICT}


def test_no_file_is_altered(client: TestClient, made: Made, photographs: Path) -> None:
    _act(client, "hide", made.sha["one"], boxes=["0.1 0.1 0.2 0.2"])
    paths = made.work.manifest().paths
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == sha for sha, path in paths.items())

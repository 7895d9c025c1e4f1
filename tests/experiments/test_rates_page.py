"""experiments.rates.page: well-formed, no request, harmless whatever things are called, complete without JavaScript."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from experiments.rates.content import content_of
from experiments.rates.page import SCRIPT, headline, render_page
from experiments.rates.page_media import STRIP_MAX_BYTES, data_url, local_url
from experiments.rates.tables import tables_of
from tests.experiments.made_up_rates import HOSTILE, TARGETS, clip, failed, results

VOID = {"meta", "img", "input", "br"}
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16


class Page(HTMLParser):
    """Elements of a page; fails when a tag is closed that was not open, or one stays open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: dict[str | None, str] = {}
        self._script: str | None = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} stands twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        self._script = dict(attrs).get("type") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
        elif self.open[-1:] != ["style"]:
            self.texts.append(data)

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, each in self.elements for key, value in each.items() if key == name]

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [each for tag, each in self.elements if tag == name]


def text_of(raw: dict[str, Any], folder: Path) -> str:
    content = content_of(raw)
    return render_page(content, tables_of(content), folder)


def rich() -> dict[str, Any]:
    """Everything that a page can show, and nothing of it well named."""
    raw = results({"facewire": 2.0, "av1": 1.0, HOSTILE: 0.5})
    raw["clips"][0].update(path=f"/films/{HOSTILE}.mp4", may_show=True, strip="strip.png", warnings=[HOSTILE])
    raw["clips"].append(clip(HOSTILE, person=HOSTILE, error=HOSTILE))
    raw["cells"][0].update(film=f"films/{HOSTILE}", strip="strip.png")
    raw["cells"][7] = failed("one", "av1", 10.0, error=HOSTILE)
    raw["arms"].append({"arm": "vvc", "about": HOSTILE, "absent": HOSTILE})
    raw["settings"][HOSTILE] = HOSTILE
    raw.update(machine=HOSTILE, commit=HOSTILE, missing_measures={HOSTILE: HOSTILE})
    raw["model"]["name"] = HOSTILE
    return raw


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "strip.png").write_bytes(PNG)
    return tmp_path


NOTHING = results({}, clips=[])
ONE_CLIP = results({"facewire": 1.0, "av1": 1.0}, clips=["one"])
ALL_FAILED = results({"facewire": 1.0}, cells=[failed(name, "facewire", 6.0) for name in ("one", "two")])


@pytest.mark.parametrize(
    "raw", [rich(), NOTHING, ONE_CLIP, ALL_FAILED], ids=["rich", "nothing", "one", "failed"]
)
def test_the_page_is_well_formed_and_makes_no_request(raw: dict[str, Any], folder: Path) -> None:
    text = text_of(raw, folder)
    page = Page(text)
    assert text.encode("utf-8")
    assert not re.search(r"https?:|url\(|@import|<link|<iframe|\bfetch\b|XMLHttpRequest|import\(", text)
    assert all(src.startswith(("data:image/png;", "./", "file:///")) for src in page.attributes("src"))
    assert page.attributes("href") == []


def test_hostile_names_add_no_element_and_no_handler(folder: Path) -> None:
    page = Page(text_of(rich(), folder))
    assert not [name for _, each in page.elements for name in each if name.startswith("on")]
    assert len(page.tags("script")) == 2
    assert len(page.tags("img")) == 2 and len(page.tags("video")) == 2
    assert "\u202e" not in "".join(page.texts)
    data = json.loads(page.scripts["application/json"])
    assert data["arms"][2]["name"].startswith("</script><img")


def test_the_policy_lets_only_this_style_and_this_script_run(folder: Path) -> None:
    text = text_of(rich(), folder)
    page = Page(text)
    policy = next(each["content"] for each in page.tags("meta") if "http-equiv" in each) or ""
    style = text.split("<style>")[1].split("</style>")[0]
    for body, kind in ((page.scripts["module"], "script-src"), (style, "style-src")):
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.attributes("style") == []


def test_the_script_can_stand_in_a_page() -> None:
    script = SCRIPT.read_text()
    assert "</script" not in script.lower() and "<!--" not in script and "http" not in script


def test_without_javascript_the_tables_say_everything(folder: Path) -> None:
    page = Page(text_of(results({"facewire": 2.0, "av1": 1.0}), folder))
    words = " ".join(page.texts)
    assert len(page.tags("section")) == 5
    assert "-50.0 % [-50.0, -50.0] (5)" in words
    assert "facewire (100 %)" in words and "5 of 5" in words
    assert "person A" in words and "a machine" in words and "abc1234" in words and "f" * 64 in words
    assert "no weights were given" in words and "No cell failed." in words
    assert "hidden" in page.tags("form")[0]
    assert all(each.get("tabindex") == "0" for each in page.tags("div") if each.get("role") == "region")


def test_failures_absences_and_missed_rates_are_shown_with_reasons(folder: Path) -> None:
    raw = results({"facewire": 2.0, "av1": 1.0})
    raw["cells"][6] = failed("one", "av1", 6.0, error="the encoder ended with 1")
    raw["cells"][0]["reached"] = False
    raw["clips"].append(clip("dark", error="no face was found", warnings=["8K: scaled down"]))
    raw["arms"].append({"arm": "vvc", "about": "VVC", "absent": "this FFmpeg has no libvvenc"})
    page = Page(text_of(raw, folder))
    words = " ".join(page.texts)
    assert "the encoder ended with 1" in words and "this FFmpeg has no libvvenc" in words
    assert "LEFT OUT: no face was found; 8K: scaled down" in words
    assert "1 failed, 1 did not take the rate" in words
    assert re.search(r"\(5, 1 off\)", words)
    hidden_by_filter = [each for each in page.tags("tr") if "data-clip" in each]
    assert len(hidden_by_filter) == 6 + 1


def test_the_first_sentence_says_who_wins_where() -> None:
    raw = results({"facewire": 1.0, "av1": 1.0})
    for each in raw["cells"]:
        ours, high = each["arm"] == "facewire", each["target_kbps"] > 15
        each["measures"] = {"vgg": 1.0 if ours != high else 2.0}
    content = content_of(raw)
    assert headline(content, tables_of(content)) == (
        "Best at equal rate (kbit/s): by vgg facewire at 6 to 15, av1 at 20 to 50."
    )
    nothing = content_of(ALL_FAILED)
    assert (
        headline(nothing, tables_of(nothing)) == "Nothing was measured of the pictures; cells that failed: 2."
    )
    alone = content_of(results({"facewire": 1.0}, targets=[6.0]))
    assert "by vgg facewire alone at 6;" in headline(alone, tables_of(alone))


def test_the_scripts_data_is_what_was_measured(folder: Path) -> None:
    raw = results({"facewire": 2.0, "av1": 1.0})
    raw["cells"][0] = failed("one", "facewire", 6.0)
    data = json.loads(Page(text_of(raw, folder)).scripts["application/json"])
    assert len(data["cells"]) == len(raw["cells"]) - 1
    assert data["targets"] == list(TARGETS)
    clip_at, arm, target, kbps, reached, values = data["cells"][0]
    assert (clip_at, arm, target, reached) == (0, 0, 1, True)
    assert kbps == pytest.approx(9.8) and len(values) == len(data["measures"]) == 5


def test_strips_are_shown_only_of_clips_that_may_be_shown(folder: Path) -> None:
    raw = results({"facewire": 2.0}, clips=["one", "two"], targets=[6.0])
    for each in (*raw["clips"], *raw["cells"]):
        each["strip"] = "strip.png"
    assert Page(text_of(raw, folder)).tags("img") == []
    assert "allows no pictures" in text_of(raw, folder)
    raw["clips"][1]["may_show"] = True
    images = Page(text_of(raw, folder)).tags("img")
    assert len(images) == 2 and all((each["alt"] or "").startswith("two: ") for each in images)


def test_a_strip_is_a_picture_below_the_folder_of_a_bounded_size(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "text.png").write_text("secret")
    (folder / "full.png").write_bytes(PNG.ljust(STRIP_MAX_BYTES, b"\0"))
    (folder / "more.png").write_bytes(PNG.ljust(STRIP_MAX_BYTES + 1, b"\0"))
    assert data_url(folder, "full.png").startswith("data:image/png;base64,")
    for name, words in (
        *(("../secret.png", "not in the folder"), ("link.png", "not in the folder")),
        *(("absent.png", "cannot be read"), ("text.png", "neither PNG nor JPEG"), ("more.png", "more than")),
    ):
        with pytest.raises(ValueError, match=words):
            data_url(folder, name)


def test_a_strip_that_cannot_be_shown_leaves_its_reason(folder: Path) -> None:
    raw = results({"facewire": 2.0}, clips=["one"], targets=[6.0])
    raw["clips"][0].update(may_show=True, strip="gone.png")
    assert "no picture: it cannot be read" in text_of(raw, folder)
    raw["clips"][0].update(strip="nul\x00.png")
    assert "no picture: " in text_of(raw, folder)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("films/a b.mp4", "./films/a%20b.mp4"),
        ("/films/ä.mp4", "file:///films/%C3%A4.mp4"),
        ("//evil.example/x.mp4", "file:///evil.example/x.mp4"),
        ("https://evil.example/x", "./https%3A//evil.example/x"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("\\\\evil\\x.mp4", "./%5C%5Cevil%5Cx.mp4"),
        ("C:\\films\\a.mp4", "file:///C:/films/a.mp4"),
        ("a\udcff.mp4", "./a%FF.mp4"),
        ("a\ud800.mp4", "./a%3F.mp4"),
    ],
)
def test_an_address_of_a_film_is_always_a_local_one(path: str, url: str) -> None:
    assert local_url(path) == url


def test_players_stand_side_by_side_and_load_nothing_before_they_are_started(folder: Path) -> None:
    raw = results({"facewire": 2.0, "av1": 1.0}, clips=["one"], targets=[6.0])
    raw["clips"][0]["path"] = "/clips/one.mp4"
    assert Page(text_of(raw, folder)).tags("video") == []
    raw["cells"][0]["film"] = "films/facewire.mp4"
    films = Page(text_of(raw, folder)).tags("video")
    assert [film["src"] for film in films] == ["file:///clips/one.mp4", "./films/facewire.mp4"]
    assert {film["preload"] for film in films} == {"none"}


def test_the_same_results_give_the_same_page(folder: Path) -> None:
    raw = results({"facewire": 2.0, "av1": 1.0})
    assert text_of(raw, folder) == text_of(json.loads(json.dumps(raw)), folder)

"""No page has words of its own: everything that is read comes from the words in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import webapp
from gridmap.maps.words import words
from webapp.language import translations

HOUSE = Path(webapp.__file__).parent
#: What is the same in both languages: names of formats, of the program, of units and of statistics.
SAME = {
    "CSV", "JSON", "Excel", "GeoJSON", "PDF", "gridmap", "gridmap restore", "CITY", "m", "Gi*", "EPSG:4547", "SHA-256",
    "UTC", "English", "中文",
}  # fmt: skip
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def read_by_people(page: str) -> list[str]:
    """What of a template stands there to be read: texts and labels, without what Jinja puts in."""
    page = re.sub(r"{#.*?#}", "", page, flags=re.S)
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
    page = re.sub(r"{{.*?}}|{%.*?%}", "§", page, flags=re.S)
    labels = re.findall(r"\b(?:aria-label|alt|placeholder|title)=\"([^\"]*)\"", page)
    pieces = re.split(r"[§|\n]", re.sub(r"<[^>]*>", "|", page))
    found = [re.sub(r"^[\W_]+|[^\w*]+$", "", piece) for label in labels for piece in label.split("§")]
    found += [re.sub(r"^[\W_]+|[^\w*]+$", "", piece) for piece in pieces]
    return [text for text in found if re.search(r"[A-Za-z\u4e00-\u9fff]", text)]


@pytest.mark.parametrize("name", sorted(path.name for path in (HOUSE / "templates").glob("*.html")))
def test_a_page_has_no_words_of_its_own(name: str) -> None:
    said = read_by_people((HOUSE / "templates" / name).read_text(encoding="utf-8"))
    assert [text for text in said if text not in SAME and not text.startswith("gp-")] == []


def test_words_left_in_a_page_are_found() -> None:
    page = '<p title="Close it">{{ say("a") }} 未译 {% if x %}Save{% endif %} {{ n }} m</p><script>let Words;</script>'
    assert read_by_people(page) == ["Close it", "未译", "Save", "m"]


def test_scripts_have_chinese_only_beside_english() -> None:
    folders = (HOUSE / "static", HOUSE.parent / "gridmap" / "maps" / "static")
    odd = []
    for path in sorted(path for folder in folders for path in folder.glob("*.js")):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
        for number, line in enumerate(re.sub(r"(?m)(^|\s)//.*$", "", text).splitlines(), 1):
            for said in re.findall(r"[\"'`]([^\"'`]*[\u4e00-\u9fff][^\"'`]*)[\"'`]", line):
                # a language's own name, a date's signs, or the same in English in that line
                if said != "中文" and not re.search(r"[A-Za-z]{3}", line.replace("lang", "")):
                    odd.append(f"{path.name}:{number} {said}")
    assert odd == []


def test_chinese_words_are_chinese_and_english_ones_are_not() -> None:
    pairs = {key: (zh, translations()["en"][key]) for key, zh in translations()["zh"].items()}
    pairs |= {f"map: {key}": (pair["zh"], pair["en"]) for key, pair in words().items()}
    for key, (zh, en) in pairs.items():
        assert _CHINESE.search(zh) or zh == en or not re.search("[A-Za-z]{2}", en), (key, zh)
        # a term may stand in brackets behind its English
        assert not _CHINESE.search(re.sub(r"[（(].*?[）)]|中文", "", en)), (key, en)

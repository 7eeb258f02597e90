"""The documentation as a site: every page is in its menu, every link leads somewhere, and the generated pages are up to date."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from docs.site import checks, reference, staging

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site") / "site"
    staging.build(directory)
    return directory


def test_every_page_is_in_the_menu_once() -> None:
    text = (ROOT / "docs/site/zensical.toml").read_text()
    named = re.findall(r'= "([a-z/-]+\.md)" \}', text)
    assert tomllib.loads(text)["project"]["docs_dir"] == "pages"
    assert sorted(named) == sorted(str(target) for target in staging.pages().values())


def test_every_link_of_the_site_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    assert list(checks.problems(site)) == []


def test_every_page_is_found_by_search(site: Path) -> None:
    found = {entry["location"].partition("#")[0] for entry in json.loads((site / "search.json").read_text())["items"]}
    assert {str(target.with_suffix(".html")) for target in staging.pages().values()} <= found


def test_an_example_that_a_page_links_to_is_shown_whole(site: Path) -> None:
    shown = re.sub(r"<[^>]*>", "", (site / "files/examples/shared-metrics.yaml.html").read_text())
    assert "kind: ClusterMetricTemplate" in shown


@pytest.mark.parametrize("name", reference.pages())
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    assert (ROOT / "docs/reference" / name).read_text() == reference.pages()[name], "run make generate"


def test_every_field_of_the_kinds_and_of_the_configuration_has_a_meaning() -> None:
    fields = re.compile(r"^\| `[^|]*` \| [^|]*(?:\\\|[^|]*)*\| (?:\*\*Required\.\*\*)? *\|$", re.MULTILINE)
    assert {name: fields.findall(text) for name, text in reference.pages().items() if fields.findall(text)} == {}


def _repository(place: Path, page: str) -> Path:
    for name in (*staging.OUTSIDE, "docs/page.md"):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page if name == "docs/page.md" else "# A page\n")
    (place / "examples").mkdir()
    (place / "examples/one.yaml").write_text("kind: Rollout\n")
    return place


def test_links_are_turned_to_where_the_site_has_them(tmp_path: Path) -> None:
    page = "[start](../README.md#a) [one](../examples/one.yaml) [all](../examples) `[no](link)`\n\n    [code](no.md)\n"
    staging.stage(tmp_path / "out", _repository(tmp_path / "in", page))
    turned = "[start](index.md#a) [one](files/examples/one.yaml.md) [all](files/examples/index.md) `[no](link)`"
    assert (tmp_path / "out/page.md").read_text() == f"{turned}\n\n    [code](no.md)\n"
    assert (tmp_path / "out/files/examples/index.md").read_text().endswith("- [one.yaml](one.yaml.md)\n")


def test_a_link_to_nothing_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    repository = _repository(tmp_path / "in", "# Title\n\n[away](away.md)\n")
    with pytest.raises(staging.BrokenLinkError, match=r"docs/page\.md:3: links to away\.md, which is not there"):
        staging.stage(tmp_path / "out", repository)


def test_broken_anchors_and_foreign_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here"><a href="#gone"><a href="b.html"><script src="https://elsewhere.example/x.js"></script>'
        '<img src="no.png"><a href="https://example.org/#x">'
    )
    assert list(checks.problems(tmp_path)) == [
        "a.html: loads https://elsewhere.example/x.js",
        "a.html: loads no.png, which is not there",
        "a.html: links to #gone, which has no such anchor",
        "a.html: links to b.html, which is not there",
    ]


def test_a_directory_that_holds_something_else_is_left_alone(tmp_path: Path, site: Path) -> None:
    (tmp_path / "index.html").write_text("of somebody else")
    with pytest.raises(staging.NotASiteError, match="is not empty and holds no site"):
        staging.build(tmp_path)
    assert (tmp_path / "index.html").read_text() == "of somebody else"
    assert staging.is_replaceable(site)

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml

from tests.unit.api.manifests import good
from tidegate.cli.documents import read
from tidegate.cli.main import main

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").rglob("*.yaml"))

ROLLOUT = """\
# a comment
apiVersion: tidegate.dev/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  baseline: {deployment: web, service: web}
  candidate: {deployment: web-canary, service: web-canary}
  traffic:
  - {kind: HTTPRoute, name: web}
  metrics:
  - name: errors
    ratio:
      bad: x_total{pod=~"$pods",code=~"5.."}
      total: x_total{pod=~"$pods"}
  guards:
  - metric: errors
    max: 5%
  steps:
  - name: everyone
    weight: 100
    gate:
      after: 2026-11-21T14:00:00Z
  promotion: {strategy: CopyTemplate}
"""


class Linted:
    """One call of `tidegate lint` on a file."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "web.yaml"
        self._capsys = capsys

    def __call__(self, text: str, *options: str) -> tuple[int, str]:
        self.file.write_text(text)
        code = main(["lint", str(self.file), *options])
        self.said = self._capsys.readouterr()
        return code, self.said.out.replace(str(self.file), "web.yaml")


@pytest.fixture
def lint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Linted:
    return Linted(tmp_path, capsys)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_has_neither_errors_nor_warnings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = main(["lint", "--strict", str(file)]), capsys.readouterr().out
    assert (code, [line for line in said.splitlines() if ": notice: " not in line]) == (0, [])


def test_what_is_good_to_know_fails_nothing_and_counts_as_nothing(lint: Linted) -> None:
    code, said = lint(ROLLOUT.replace("weight: 100", "weight: 50"), "--strict")
    assert (code, said.count(": notice: spec.steps[0].weight: leaves 50%")) == (0, 1)
    assert lint.said.err == "1 Rollout, 0 errors, 0 warnings\n"


def test_a_good_file_says_nothing_but_the_counts(lint: Linted) -> None:
    assert lint(ROLLOUT) == (0, "")
    assert lint.said.err == "1 Rollout, 0 errors, 0 warnings\n"


def test_an_error_is_told_with_file_line_field_and_what_would_be_right(lint: Linted) -> None:
    code, out = lint(ROLLOUT.replace("max: 5%", "max: 5"))
    assert code == 1
    assert out == (
        "web.yaml:17: error: spec.guards[0].max: "
        "'5' is more than the whole of a ratio: write a share such as '1%' or '0.01'\n"
    )


def test_the_line_of_a_missing_field_is_that_of_what_lacks_it(lint: Linted) -> None:
    assert lint(ROLLOUT.replace("    weight: 100\n", ""))[1] == (
        "web.yaml:19: error: spec.steps[0].weight: is required\n"
    )


def test_the_line_of_a_field_is_that_of_its_name_not_of_what_is_in_it(lint: Linted) -> None:
    block = "candidate:\n    deployment: web-canary\n    service: web\n"
    text = ROLLOUT.replace("candidate: {deployment: web-canary, service: web-canary}\n", block)
    assert lint(text)[1] == "web.yaml:7: error: spec.candidate: baseline and candidate must be two Services\n"


def test_what_looks_like_an_instant_is_a_text_as_for_kubectl(tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("revision: 2026-11-21T14:00:00Z\nday: 2026-11-21\n")
    assert read(str(file))[0].content == {"revision": "2026-11-21T14:00:00Z", "day": "2026-11-21"}


def test_findings_come_in_the_order_of_the_lines(lint: Linted) -> None:
    _, out = lint(ROLLOUT.replace("metric: errors", "metric: speed").replace("service: web}", "service: web-canary}"))
    assert [line.split(":")[1] for line in out.splitlines()] == ["7", "16"]


def test_warnings_are_fine_unless_strict(lint: Linted) -> None:
    text = ROLLOUT.replace("max: 5%", "max: 5%\n    onBreach: Warn")
    assert lint(text)[0] == 0
    code, out = lint(text, "--strict")
    assert code == 1
    assert out.startswith("web.yaml:20: warning: spec.steps[0]: has weight 100 and no max or min that reverts")


def test_json_is_for_programs(lint: Linted) -> None:
    code, out = lint(ROLLOUT.replace("max: 5%", "maximum: 5%"), "--format", "json")
    assert code == 1
    assert json.loads(out) == [
        {
            "file": "web.yaml",
            "line": 17,
            "kind": "Rollout",
            "name": "web",
            "path": "spec.guards[0].maximum",
            "severity": "error",
            "message": "is not a field here; did you mean 'max'?",
        }
    ]


def test_github_gets_annotations(lint: Linted) -> None:
    _, out = lint(ROLLOUT.replace("max: 5%", "max: 5"), "--format", "github")
    assert out.startswith(
        "::error file=web.yaml,line=17,title=Rollout web::spec.guards[0].max: '5' is more than the whole"
    )
    assert "'1%25'" in out


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(ROLLOUT.replace("max: 5%", "max: 5")))
    assert main(["lint", "-"]) == 1
    assert capsys.readouterr().out.startswith("<stdin>:17: error: ")


def test_a_folder_stands_for_the_yaml_files_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "web.yml").write_text(ROLLOUT.replace("max: 5%", "max: 5"))
    (tmp_path / "notes.txt").write_text("{")
    assert main(["lint", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith(f"{tmp_path}/deep/web.yml:17: error: ")


def test_other_kinds_and_other_peoples_rollouts_are_passed_over(lint: Linted) -> None:
    others = "apiVersion: v1\nkind: Service\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\n---\n- a list\n---\n"
    assert lint(others) == (0, "")
    assert lint.said.err == "0 Rollouts, 0 errors, 0 warnings\n"


def test_every_document_of_a_file_is_read_and_its_lines_are_the_files(lint: Linted) -> None:
    text = "kind: Service\n---\n" + ROLLOUT + "---\n" + ROLLOUT.replace("max: 5%", "max: 5")
    assert lint(text)[1].startswith("web.yaml:43: error: spec.guards[0].max")


def test_an_unknown_version_is_an_error_and_not_another_kind(lint: Linted) -> None:
    code, out = lint(ROLLOUT.replace("v1alpha1", "v1"))
    kinds = "Rollout, RolloutCommand, MetricTemplate and ClusterMetricTemplate"
    said = f"is not known: tidegate.dev has {kinds} of tidegate.dev/v1alpha1"
    assert (code, out) == (1, f"web.yaml:2: error: apiVersion: {said}\n")


def test_a_field_written_twice_is_an_error_as_for_kubectl(lint: Linted) -> None:
    code, out = lint(ROLLOUT.replace("max: 5%", "max: 5%\n    max: 50%"))
    assert code == 1
    assert out == "web.yaml:17: error: spec.guards[0].max: is written twice, again on line 18\n"


def test_a_command_is_linted(lint: Linted) -> None:
    command = "apiVersion: tidegate.dev/v1alpha1\nkind: RolloutCommand\nspec: {rollout: web, action: Stop}\n"
    assert lint(command)[1].startswith("web.yaml:3: error: spec.action: 'Stop' is not known; write 'Abort'")


def test_what_kubectl_would_send_is_what_is_checked(lint: Linted) -> None:
    assert lint(yaml.safe_dump(good()))[0] == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1", ":1: is no YAML: "),
        (b"\xff\xfe\x00", "cannot read "),
        (b"a: \x00", ": is no YAML: "),
        (b"{[]: 1}: 2", ":1: is no YAML: "),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    file = tmp_path / "web.yaml"
    file.write_bytes(content)
    assert main(["lint", str(file)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.startswith("tidegate: ")
    assert said.count("\n") == 1


def test_a_file_that_is_not_there_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == "tidegate: cannot read nowhere.yaml: No such file or directory\n"

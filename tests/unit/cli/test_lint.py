from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml

from tests.unit.api.manifests import good
from tidegate.cli.documents import read
from tidegate.cli.main import main

EXAMPLES = [
    file
    for file in sorted((Path(__file__).parents[3] / "examples").rglob("*.yaml"))
    if "apiVersion: tidegate.dev/" in file.read_text()
]

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
        "'5' is more than 100% of a ratio: write a share such as '1%' or '0.01'\n"
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
    assert "web.yaml:20: warning: spec.steps[0]: has weight 100 and no max or min that reverts" in out


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
            "message": "is not a known field; did you mean 'max'?",
        }
    ]


def test_github_gets_annotations(lint: Linted) -> None:
    _, out = lint(ROLLOUT.replace("max: 5%", "max: 5"), "--format", "github")
    assert out.startswith(
        "::error file=web.yaml,line=17,title=Rollout web::spec.guards[0].max: '5' is more than 100%25"
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


OTHERS = "apiVersion: v1\nkind: Service\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\n---\n# nothing\n---\n"


def test_other_kinds_beside_a_rollout_are_passed_over(lint: Linted) -> None:
    assert lint(OTHERS + ROLLOUT) == (0, "")
    assert lint.said.err == "1 Rollout, 0 errors, 0 warnings\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            OTHERS,
            "only Service (v1), Rollout (argoproj.io/v1alpha1); a Rollout of Argo Rollouts is another kind: tidegate convert makes one of it",
        ),
        ("", "it is empty"),
        ("# nothing\n---\n# more of it\n", "it is empty"),
        ("apiVersion: v1\nkind: List\nitems: []\n", "it is empty"),
        ("a: 1\n", "only an object without a kind (no apiVersion)"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--strict",), ("--format", "json")], ids=["plain", "strict", "json"])
def test_a_file_with_nothing_of_ours_is_an_error(lint: Linted, text: str, said: str, options: tuple[str, ...]) -> None:
    assert lint(text, *options) == (2, "")
    found = lint.said.err.replace(str(lint.file), "web.yaml")
    assert found == f"tidegate: web.yaml: there is no Rollout, RolloutCommand or metric template in it: {said}\n"


def test_one_file_of_two_that_has_nothing_of_ours_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "web.yaml").write_text(ROLLOUT)
    (tmp_path / "typo.yaml").write_text(OTHERS)
    assert main(["lint", str(tmp_path / "web.yaml"), str(tmp_path / "typo.yaml")]) == 2
    assert "typo.yaml: there is no Rollout" in capsys.readouterr().err
    assert main(["lint", str(tmp_path)]) == 0, "a folder may hold other things too"


def test_a_folder_without_yaml_and_no_name_at_all_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", str(tmp_path)]) == 2
    assert main(["lint", ""]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"tidegate: {tmp_path}: there is no YAML file in it",
        "tidegate: '' is not a file (write . for the folder you are in)",
    ]


@pytest.mark.parametrize("kind", ["List", "RolloutList"])
def test_a_list_as_kubectl_writes_it_is_looked_into(lint: Linted, kind: str) -> None:
    rollout = ROLLOUT.replace("max: 5%", "max: 5").replace("2026-11-21T14:00:00Z", "'2026-11-21T14:00:00Z'")
    items = [yaml.safe_load(rollout), {"apiVersion": "v1", "kind": "Service"}]
    text = yaml.safe_dump({"apiVersion": "v1", "kind": kind, "items": items}, sort_keys=False)
    code, out = lint(text)
    line = 1 + text.split("\n").index("      max: 5")
    assert (code, out.splitlines()[0].split(": ")[:3]) == (1, [f"web.yaml:{line}", "error", "spec.guards[0].max"])


def test_merge_keys_are_what_kubectl_takes_them_for(lint: Linted) -> None:
    text = ROLLOUT.replace("baseline: {deployment", "baseline: &b {deployment").replace(
        "candidate: {deployment: web-canary, service: web-canary}",
        "candidate:\n    <<: *b\n    deployment: web-canary\n    service: web-canary",
    )
    assert lint(text) == (0, "")
    assert lint(text.replace("service: web-canary", "service: web"))[1] == (
        "web.yaml:7: error: spec.candidate: baseline and candidate must be two Services\n"
    )


@pytest.mark.parametrize(
    ("weight", "percent"),
    [("1e1", "10"), ("10.0", "10"), ("0o10", "8"), ("010", "8"), ("0xa", "10"), ("0b11", "3"), ("1_0", "10")],
)
def test_numbers_are_those_of_kubectl(
    lint: Linted, capsys: pytest.CaptureFixture[str], weight: str, percent: str
) -> None:
    text = ROLLOUT.replace("weight: 100", f"weight: {weight}")
    assert lint(text)[0] == 0
    assert main(["plan", str(lint.file)]) == 0
    assert f" {percent}%" in capsys.readouterr().out


@pytest.mark.parametrize("weight", ["1:10", "0.5", "true", "yes", "~", "1e-1", "[1]", "2026-01-01", ".inf"])
def test_what_kubectl_takes_for_no_number_is_no_weight(lint: Linted, weight: str) -> None:
    assert lint(ROLLOUT.replace("weight: 100", f"weight: {weight}"))[0] in {1, 2}


def test_a_tag_that_nobody_knows_is_passed_over(lint: Linted) -> None:
    assert lint(ROLLOUT.replace("spec:", "spec: !mine"))[0] == 0
    assert lint(ROLLOUT.replace("max: 5%", "max: !mine 5%"))[0] == 0


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("{name: Web}", "metadata.name: 'Web' is not a valid name: write lower-case letters, digits, '-' and '.'"),
        ("{name: wéb}", "metadata.name: 'wéb' is not a valid name"),
        ("{name: 5}", "metadata.name: must be a string; write it in quotes"),
        ("{}", "metadata.name: is required"),
        ("[]", "metadata: must be an object with fields"),
        ("{name: web, namespace: A}", "metadata.namespace: 'A' is not a valid namespace"),
        ("{name: web, namespace: a.b}", "metadata.namespace: 'a.b' is not a valid namespace"),
        (f"{{name: {'w' * 64}}}", "metadata.name: has 64 characters; at most 63 are allowed"),
    ],
)
def test_a_name_is_one_that_the_api_server_takes(lint: Linted, metadata: str, said: str) -> None:
    assert said in lint(ROLLOUT.replace("metadata: {name: web}", f"metadata: {metadata}"))[1]


def test_names_of_other_objects_may_be_long(lint: Linted) -> None:
    long = "w" * 250
    text = ROLLOUT.replace("deployment: web,", f"deployment: {long},").replace(
        "HTTPRoute, name: web", f"HTTPRoute, name: {long}"
    )
    assert lint(text) == (0, "")
    assert "has more than 63 characters" in lint(ROLLOUT.replace("service: web}", f"service: {'w' * 64}}}"))[1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("spec.stepz", "is not a known field; did you mean 'steps'?"),
        ("spec.foo", "is not a known field"),
        ("spec.traffic.0.namespace", "is not a known field: all objects that a Rollout names are in its own namespace"),
        ("spec.guards.0.maximum", "is not a known field; did you mean 'max'?"),
        ("spec.steps.0.weigth", "is not a known field; did you mean 'weight'?"),
        ("spec.guards.0.min_", "is not a known field; did you mean 'min'?"),
    ],
)
def test_a_field_that_is_meant_is_one_of_the_same_object(lint: Linted, wrong: str, said: str) -> None:
    manifest = yaml.safe_load(ROLLOUT)
    place = manifest
    *way, last = wrong.split(".")
    for part in way:
        place = place[int(part)] if part.isdecimal() else place[part]
    place[last] = "x"
    assert f": {said}\n" in lint(yaml.safe_dump(manifest))[1]


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
    assert out == "web.yaml:17: error: spec.guards[0].max: is a duplicate key: it is also on line 18\n"


def test_a_command_is_linted(lint: Linted) -> None:
    command = "apiVersion: tidegate.dev/v1alpha1\nkind: RolloutCommand\nmetadata: {generateName: web-}\nspec: {rollout: web, action: Stop}\n"
    assert lint(command)[1].startswith("web.yaml:4: error: spec.action: 'Stop' is not known; write 'Abort'")


def test_what_kubectl_would_send_is_what_is_checked(lint: Linted) -> None:
    assert lint(yaml.safe_dump(good()))[0] == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1", ":1: invalid YAML: "),
        (b"\xff\xfe\x00", "cannot read "),
        (b"a: \x00", ": invalid YAML: "),
        (b"{[]: 1}: 2", ":1: invalid YAML: "),
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

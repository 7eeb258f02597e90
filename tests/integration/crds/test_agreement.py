"""`tidegate lint` and the API server (a dry run, the file as it is) refuse and take the same files, but where docs/lint.md says."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from lab.control_plane import ControlPlane
from tidegate.cli.documents import read
from tidegate.cli.errors import CommandError
from tidegate.cli.lint import findings_of
from tidegate.cli.templates import GivenTemplates

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/lint.md"
ROLLOUTS = "/apis/tidegate.dev/v1alpha1/namespaces/default/rollouts"

GOOD = """\
apiVersion: tidegate.dev/v1alpha1
kind: Rollout
metadata:
  name: web
spec:
  baseline: {deployment: web, service: web}
  candidate: {deployment: web-canary, service: web-canary}
  traffic:
  - {kind: HTTPRoute, name: web}
  interval: 30s
  metrics:
  - name: errors
    ratio: {bad: 'x_total{pod=~"$pods",code=~"5.."}', total: 'x_total{pod=~"$pods"}'}
  - name: latency
    query: max(latency_seconds{pod=~"$pods"})
    unit: seconds
  guards:
  - metric: errors
    max: 5%
  - metric: latency
    maxIncrease: 20%
    floor: 100ms
  steps:
  - name: canary
    weight: 10
    duration: 1h
    gate: {after: 2026-11-21T14:00:00Z}
  promotion: {strategy: CopyTemplate}
"""


@dataclass(frozen=True)
class Case:
    """A change of the good file, and why the two may differ on it (a row of the page's table), if they do."""

    before: str
    after: str
    differ: str = ""


SCHEMA = "needs more than a schema"
"""Lint refuses, the API server takes it, and the operator says `InvalidSpec`."""
MERGE = "a merge key (`<<`)"
"""Lint takes it, as kubectl does; the API server itself refuses the YAML that kubectl turns into JSON before it is sent."""

# fmt: off
CASES = [
    Case("", ""),
    # weights
    *(Case("weight: 10", f"weight: {weight}") for weight in (
        "0", "100", "101", "-1", "1e1", "1e2", "1e3", "10.0", "0.5", "'0.5'", "'0.0001'", "'10'", "'10%'", "10%", "0o10", "0x10", "010", "1:10",
        "true", "yes", "y", "null", "~", "''", "[1]", "{}", "1_0", "+5", "'+5'", "' 5'", ".5", "5.", "1e-1", "0b11", "99999999999999999999", "!mine 10", "!!str 10",
        "!!float 10", "!!int 10", "&a 10", "2026-01-01", "'५'",
    )),
    # durations and intervals
    *(Case("duration: 1h", f"duration: {duration}") for duration in (
        "0s", "1d", "90m", "1h30m", "500ms", "1m1h", "1 h", "1H", "h", "3600", "'3600'", "-1h", "1.5h", "1h ", "'1h '", "9999999h", "999999d999999h9", "''", "null", "1h1h", "１h",
    )),
    *(Case("interval: 30s", f"interval: {interval}") for interval in ("1s", "999ms", "0s", "1000ms", "1d", "30", "null", "0d1s")),
    # limits
    *(Case("max: 5%", f"max: {limit}") for limit in (
        "'5%'", "0", "'0.05'", "1e-2", "0.05", "5 %", "'5%%'", "''", "null", "'1e3'", "999999999999999", "'0.0000000001'", "5ms5", "true",
    )),
    Case("max: 5%", "max: 5", SCHEMA), Case("max: 5%", "max: 200ms", SCHEMA), Case("max: 5%", "max: 100%", SCHEMA), Case("max: 5%", "max: -5%", SCHEMA), Case("max: 5%", "max: '-1'", SCHEMA),
    *(Case("maxIncrease: 20%", f"maxIncrease: {limit}") for limit in ("20", "'20'", "0%", "-5%", "20.5%", "20.55555%", "1e1%", "null")),
    Case("floor: 100ms", "floor: 5%", SCHEMA), Case("    floor: 100ms\n", ""), Case("max: 5%", "max: 5%\n    floor: 1%"), Case("max: 5%", "max: 5%\n    min: 1%"),
    Case("max: 5%", "regression: {margin: 5%}"), Case("max: 5%", "regression: {margin: 5%, limit: 1%}"), Case("max: 5%", "regression: {limit: 1%}"),
    Case("max: 5%", "regression: {}"), Case("max: 5%", "split: {}"), Case("max: 5%", "split: {}\n    onBreach: Hold"), Case("max: 5%", "regression: {confidence: 100%}", SCHEMA),
    # fields
    Case("  interval: 30s", "  intervall: 30s"), Case("    max: 5%", "    maximum: 5%"), Case("  traffic:", "  paused: 'true'\n  traffic:"), Case("  traffic:", "  paused: yes\n  traffic:"),
    Case("kind: HTTPRoute", "kind: TCPRoute"), Case("kind: HTTPRoute", "kind: httproute"), Case("strategy: CopyTemplate", "strategy: copyTemplate"), Case("strategy: CopyTemplate", "strategy: null"),
    Case("  promotion: {strategy: CopyTemplate}\n", ""), Case("metric: errors", "metric: errrors"), Case("metric: errors", "metric: errors\n    for: 5m"),
    Case("metric: errors", "metric: errors\n    onBreach: revert"), Case("metric: errors", "metric: errors\n    afterHold: Restart"), Case("metric: errors", "metric: errors\n    name: ''"),
    Case("max: 5%", "max: 5%\n    max: 6%"), Case("name: canary", "name: Canary"), Case("name: canary", "name: ''"), Case("name: canary", "name: 5"),
    Case("unit: seconds", "unit: s"), Case("unit: seconds", "unit: null", SCHEMA), Case("service: web}", "service: Web}"), Case("service: web}", "service: a.b}"), Case("service: web}", f"service: {'w' * 64}}}"),
    Case("deployment: web,", "deployment: a.b,"), Case("deployment: web,", "deployment: a..b,"), Case("deployment: web,", "deployment: -a,"), Case("deployment: web,", f"deployment: {'w' * 253},"),
    Case("deployment: web,", f"deployment: {'w' * 254},"), Case("deployment: web,", "deployment: web-canary,"), Case("service: web}", "service: web, minAvailable: 0}"),
    Case("service: web}", "service: web, minAvailable: 1.0}"), Case("service: web}", "service: web, minAvailable: 1.5}"), Case("service: web}", "service: web, minAvailable: '1'}"),
    Case("service: web}", "service: web, minAvailable: null}"), Case("  interval: 30s", "  revision: \"a\\nb\""), Case("  interval: 30s", "  revision: 5"), Case("  interval: 30s", "  revision: '5'"),
    Case("  interval: 30s", "  prometheus: {source: \"\\e[2J\"}"), Case("  interval: 30s", "  prometheus: {}"), Case("  interval: 30s", "  missingData: {noData: {after: 1m}}"),
    # gates
    *(Case("2026-11-21T14:00:00Z", instant) for instant in (
        "'2026-11-21T14:00:00+01:00'", "'2026-11-21 14:00:00Z'", "'2026-11-21'", "2026-11-21", "'2026-11-21T14:00Z'", "'2026-13-01T14:00:00Z'", "1763733600", "'2026-11-21T14:00:00.5Z'",
    )),
    Case("after: 2026-11-21T14:00:00Z", "sinceStep: {step: canary, elapsed: 1h}"), Case("after: 2026-11-21T14:00:00Z", "sinceStep: {step: x, elapsed: 1h}"),
    *(Case("gate: {after: 2026-11-21T14:00:00Z}", f"gate: {{windows: [{{{window}}}]}}") for window in (
        "from: '09:00', to: '16:00', timeZone: Europe/Berlin", "from: 09:00, to: 16:00, timeZone: UTC", "from: '9:00', to: '16:00', timeZone: UTC",
        "from: '22:00', to: '04:00', timeZone: UTC, days: [Fri]", "from: '22:00', to: '04:00', timeZone: UTC, days: [Friday]", "from: '22:00', to: '04:00', timeZone: UTC, days: []",
        "from: '22:00', to: '04:00', timeZone: UTC, days: [Fri, Fri]", "from: '00:00', to: '24:00', timeZone: Etc/GMT+5", "from: '09:00', to: '09:00', timeZone: UTC",
        "from: '24:00', to: '09:00', timeZone: UTC", "from: '09:00', to: '16:00'",
    )),
    Case("gate: {after: 2026-11-21T14:00:00Z}", "gate: {windows: [{from: '09:00', to: '16:00', timeZone: Europe/Berln}]}", SCHEMA),
    *(Case("  interval: 30s", f"  interval: 30s\n  freezes: [{{{freeze}}}]") for freeze in (
        "from: '2026-12-18T17:00:00Z', to: '2026-12-20T17:00:00+01:00', reason: books", "from: '2026-12-18T17:00:00Z', to: '2026-12-18T17:00:00+01:00', reason: books",
        "from: '2026-12-18T17:00:00Z', to: '2026-12-20T17:00:00Z'", "from: 2026-12-18, to: '2026-12-20T17:00:00Z', reason: books",
    )),
    # PromQL, and what only lint knows
    Case("max(latency", "max((latency", SCHEMA), Case("max(latency_seconds{pod=~\"$pods\"})", "latency_seconds[5m]", SCHEMA), Case("$pods\"})\n    unit", "$pod\"})\n    unit", SCHEMA),
    Case("max(latency_seconds{pod=~\"$pods\"})", "up", SCHEMA), Case("bad: 'x_total{", "bad: 'rate(x_total{", SCHEMA), Case("bad: 'x_total{pod=~\"$pods\",code=~\"5..\"}'", "bad: 'rate(x_total[5m])'"), Case("  - metric: latency", "  - {metric: errors, max: 5%}\n  - metric: latency", SCHEMA),
    Case("    duration: 1h\n", "    checkpoints: [{at: 1m}]\n", SCHEMA), Case("    duration: 1h\n", "    duration: 1h\n    checkpoints: [{at: 2h}]\n", SCHEMA),
    Case("    query: max(latency_seconds{pod=~\"$pods\"})\n    unit: seconds", "    preset: http/latencies", SCHEMA),
    Case("    duration: 1h\n", "    duration: 1h\n    checkpoints: [{at: 1m, every: 1m}]\n"), Case("    duration: 1h\n", "    duration: 1h\n    checkpoints: [{}]\n"),
    # names
    *(Case("  name: web\n", f"  name: {name}\n") for name in ("Web", "wéb", "5", "'5'", "a.b", "a..b", "-a", "null", "''", "w" * 63, "w" * 64, "[a]")),
    Case("  name: web\n", "  labels: {}\n"), Case("metadata:\n  name: web\n", ""), Case("  name: web\n", "  name: web\n  labels: {a: b}\n"),
    # documents
    Case(GOOD[GOOD.index("spec:"):], ""), Case(GOOD[GOOD.index("spec:"):], "spec: null\n"), Case(GOOD[GOOD.index("spec:"):], "spec: []\n"), Case(GOOD[GOOD.index("spec:"):], "spec: text\n"),
    Case("v1alpha1", "v1"), Case("kind: Rollout\n", "kind: Rollouts\n"), Case("kind: Rollout\n", ""), Case("  steps:\n", "  steps: []\n  other:\n"),
    Case("baseline: {deployment: web, service: web}", "baseline: &b {deployment: web, service: web}\n  extra: *b"),
    Case("  baseline: {deployment: web, service: web}\n  candidate: {deployment: web-canary", "  baseline: &b {deployment: web, service: web}\n  candidate: {<<: *b, deployment: web-canary", MERGE),
    Case("spec:\n", "spec: !mine\n"), Case("spec:\n", "spec: !!map\n"), Case("  interval: 30s\n", "  ? interval\n  : 30s\n"), Case("interval: 30s", "\"interval\": !!str 30s"),
    Case("interval: 30s", "interval: |\n    30s"), Case("interval: 30s", "interval: >-\n    30s"), Case("  interval: 30s\n", "  5: 30s\n"), Case("  interval: 30s\n", "  on: 30s\n"),
]
# fmt: on


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(cluster: ControlPlane) -> ControlPlane:
    await cluster.install_crds(sorted((ROOT / "crds").glob("*.yaml")))
    return cluster


async def taken(server: ControlPlane, text: str) -> tuple[bool, str]:
    """Whether the API server takes the file as it stands, and what it says."""
    config = yaml.safe_load(server.kubeconfig.read_text())
    trust = ssl.create_default_context(cafile=config["clusters"][0]["cluster"]["certificate-authority"])
    headers = {
        "Authorization": f"Bearer {config['users'][0]['user']['token']}",
        "Content-Type": "application/yaml",
        "Accept": "application/json",
    }
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    async with (
        aiohttp.ClientSession(server.server, headers=headers) as session,
        session.post(ROLLOUTS, data=text.encode(), params=query, ssl=trust) as response,
    ):
        assert response.status < 500 or response.status == 500, await response.text()
        return response.status < 300, await response.text()


def linted(tmp_path: Path, text: str) -> tuple[bool, str]:
    """Whether lint takes the file, and what it says."""
    file = tmp_path / "web.yaml"
    file.write_text(text)
    try:
        documents = read(str(file))
        found = [str(finding) for one in documents for finding in findings_of(one, GivenTemplates(documents))]
    except CommandError as error:
        return False, str(error)
    ours = [document for document in documents if document.ours]
    errors = [one for one in found if "Severity.ERROR" in one]
    return bool(ours) and not errors, "\n".join(errors) or "nothing of ours"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.after.strip()[:40] or 'as it is'}")
async def test_lint_and_the_api_server_agree(server: ControlPlane, tmp_path: Path, case: Case) -> None:
    assert case.before in GOOD
    text = GOOD.replace(case.before, case.after, 1) if case.before else GOOD
    (by_lint, lint_said), (by_server, server_said) = linted(tmp_path, text), await taken(server, text)
    if case.differ:
        assert (by_lint, by_server) == (case.differ == MERGE, case.differ != MERGE), f"they agree now: {lint_said} / {server_said}"
        assert case.differ in PAGE.read_text(), "the page says where they differ"
    else:
        assert by_lint == by_server, f"lint: {lint_said}\nserver: {server_said[:500]}"

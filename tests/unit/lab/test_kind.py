"""The kind cluster's files, which cannot be run here: at least they fit together and to the lab."""

from __future__ import annotations

from pathlib import Path

import yaml

from lab import pods, routes
from tests.e2e.kind.stories import KindCluster

KIND = Path(__file__).parents[2] / "e2e/kind"


def documents(file: str) -> list[dict[str, object]]:
    return [document for document in yaml.safe_load_all((KIND / file).read_text()) if document]


def test_the_ports_of_the_nodes_are_those_of_the_services_and_of_the_stories() -> None:
    (cluster,) = documents("cluster.yaml")
    mapped = {one["hostPort"]: one["containerPort"] for one in cluster["nodes"][0]["extraPortMappings"]}
    assert all(host == container for host, container in mapped.items())
    (proxy,) = (one for one in documents("gateway.yaml") if one["kind"] == "EnvoyProxy")
    service = proxy["spec"]["provider"]["kubernetes"]["envoyService"]
    (prometheus,) = (one for one in documents("prometheus.yaml") if one["kind"] == "Service")
    published = {service["patch"]["value"]["spec"]["ports"][0]["nodePort"], prometheus["spec"]["ports"][0]["nodePort"]}
    assert published == set(mapped)
    asked = {KindCluster.gateway_url.fget(None), KindCluster.prometheus_url.fget(None)}
    assert asked == {f"http://127.0.0.1:{port}" for port in published}


def test_the_gateway_is_the_one_that_the_shops_route_names() -> None:
    (gateway,) = (one for one in documents("gateway.yaml") if one["kind"] == "Gateway")
    assert (gateway["metadata"]["namespace"], gateway["metadata"]["name"]) == routes.GATEWAY


def test_the_image_is_the_one_that_the_deployments_name() -> None:
    script = (KIND / "run").read_text()
    assert f'"{pods.SAMPLE}:$version"' in script
    assert f"PORT={pods.PORT}" in (KIND / "Dockerfile").read_text()

"""Values under which the chart is rendered: one for each thing that can be switched, and several at once."""

from __future__ import annotations

from typing import Any, Final

SOURCE: Final = {"default": {"url": "http://prometheus.monitoring:9090"}}
SECURED: Final = {
    "url": "https://thanos.example.org",
    "bearerTokenFile": "/etc/sources/token",
    "caFile": "/etc/sources/ca.crt",
    "headers": {"X-Scope-OrgID": "shop"},
    "timeout": "20s",
    "concurrency": 8,
    "partialResponses": "Trust",
}
EGRESS: Final = [{"to": [{"namespaceSelector": {}}], "ports": [{"port": 9090, "protocol": "TCP"}]}]

RENDERINGS: Final[dict[str, dict[str, Any]]] = {
    "defaults": {},
    "with a source": {"config": {"sources": SOURCE}},
    "an image by its digest": {"image": {"digest": "sha256:" + "0" * 64}, "imagePullSecrets": [{"name": "registry"}]},
    "no definitions": {"crds": {"enabled": False}},
    "definitions that go": {"crds": {"keep": False, "annotations": {"example.org/by": "platform"}}},
    "namespaces": {"namespaces": ["shop", "bank"]},
    "namespaces alone": {"namespaces": ["shop"], "clusterScopedResources": False},
    "notifications": {
        "config": {"notifications": {"schemes": ["slack", "https"], "hosts": ["*"], "cluster": "prod"}},
        "notifications": {"secrets": [{"namespace": "shop", "names": ["chat", "bus"]}, {"namespace": "bank"}]},
    },
    "reports": {"reports": {"namespaces": ["shop", "bank"]}},
    "one router": {"routers": ["HTTPRoute"]},
    "no CopyTemplate": {"features": {"copyTemplate": False}},
    "no scaling": {"features": {"scale": False}},
    "no Jobs": {"features": {"jobs": False}},
    "a foreign account": {"serviceAccount": {"create": False, "name": "given"}, "rbac": {"create": False}},
    "IPv6": {"config": {"listen": "[::]:9090"}},
    "a source with credentials": {
        "config": {"sources": {"global": SECURED}},
        "extraVolumes": [{"name": "sources", "secret": {"secretName": "thanos"}}],
        "extraVolumeMounts": [{"name": "sources", "mountPath": "/etc/sources", "readOnly": True}],
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    },
    "scheduling": {
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
        ],
    },
    "names and labels": {
        "fullnameOverride": "canary",
        "commonLabels": {"team": "platform"},
        "commonAnnotations": {"example.org/by": "platform"},
        "podLabels": {"sidecar.istio.io/inject": "false"},
        "podAnnotations": {"example.org/pod": "yes"},
        "service": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
    },
    "monitored by its Service": {
        "serviceMonitor": {
            "enabled": True,
            "namespace": "monitoring",
            "labels": {"release": "prometheus"},
            "relabelings": [{"action": "labeldrop", "regex": "pod"}],
        },
        "prometheusRule": {"enabled": True, "alertLabels": {"team": "platform"}, "disabled": ["TidegateLate"]},
        "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Delivery"}},
    },
    "monitored by its pod": {"podMonitor": {"enabled": True, "interval": "1m30s"}},
    "network policy": {
        "config": {"sources": SOURCE},
        "networkPolicy": {
            "enabled": True,
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "apiServer": {"cidrs": ["10.0.0.1/32"], "ports": [443]},
            "sources": EGRESS,
            "extraEgress": [{"ports": [{"port": 3128}]}],
        },
    },
    "no flow schema": {"flowSchema": {"enabled": False}},
    "further objects": {
        "extraObjects": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-more"}},
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: text}\n",
        ]
    },
    "what Helm passes": {"global": {"imageRegistry": "anything"}},
}

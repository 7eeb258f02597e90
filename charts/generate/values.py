"""The chart's values as a model, from which `values.schema.json` is made; `values.yaml` holds the same defaults.

Values that are passed on to Kubernetes as they are (`affinity`, `tolerations`, ...) are objects or lists of objects here:
the API server knows their schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from tidegate.adapters.routers import EVERY, STANDARD
from tidegate.api.model import ApiModel
from tidegate.api.namespace_freeze import NamespaceName

Passed = dict[str, Any]
"""An object of Kubernetes, passed on as it is."""
Texts = dict[str, str]
"""Labels, annotations."""
Interval = Annotated[str, Field(pattern=r"^([0-9]+(ms|[smhd]))+$")]
"""A duration as Prometheus writes it."""
Port = Annotated[int, Field(ge=1, le=65535)]
Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]
Router = Annotated[str, Field(json_schema_extra={"enum": sorted(row.kind for row in EVERY)})]

RESTRICTED: Final[Passed] = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONFINED: Final[Passed] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


class Image(ApiModel):
    """The operator's image."""

    repository: Annotated[str, Field(min_length=1)] = "tidegate.dev/tidegate"
    """Registry and path."""
    tag: str = ""
    """Empty: the chart's appVersion."""
    digest: Digest = ""
    """Takes precedence over the tag."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """The pull policy of the image."""


class Crds(ApiModel):
    """The CustomResourceDefinitions."""

    enabled: bool = True
    """Whether they are part of the release."""
    keep: bool = True
    """Whether an uninstall leaves them."""
    annotations: Texts = {}
    """Further annotations."""


class Features(ApiModel):
    """What the operator may do, as far as it is a question of permissions."""

    copy_template: bool = True
    """`promotion.strategy: CopyTemplate`, which patches the baseline's Deployment."""
    scale: bool = True
    """`candidate.scaling` and `onBreach: Scale`: permission to patch Deployments and to list what scales them."""
    jobs: bool = True
    """Hooks, Jobs of gates and `onBreach: RunJob`, which create Jobs from suspended CronJobs."""


class NotificationSecrets(ApiModel):
    """Secrets of one namespace that the operator may read."""

    namespace: NamespaceName
    """The namespace."""
    names: list[Annotated[str, Field(min_length=1, max_length=253)]] = []
    """The Secrets; empty: every one of the namespace."""


class NotificationAccess(ApiModel):
    """Permissions for `config.notifications`."""

    secrets: list[NotificationSecrets] = []
    """The Secrets that hold receivers of `spec.notifications`; a Role is created in each namespace."""


class Reports(ApiModel):
    """Reports of ended runs, kept in ConfigMaps."""

    namespaces: list[NamespaceName] = []
    """The namespaces in which they are kept; a Role is created in each. Empty: none are kept."""


class Rbac(ApiModel):
    """Roles and bindings."""

    create: bool = True
    """Whether they are created."""
    aggregate: bool = True
    """Whether the cluster's roles view, edit and admin are extended by Tidegate's kinds."""


class Admission(ApiModel):
    """Policies by which the API server checks who creates which RolloutCommand."""

    enabled: bool = True
    """Whether they are created."""
    stamp_requester: Literal["Auto", "Always", "Never"] = "Auto"
    """Whether a command that names no requester gets the user who creates it; `Auto`: where Kubernetes has such policies (1.36)."""
    approvals_by_service_accounts: bool = False
    """Whether a service account may approve or reject; a Role with verbs ["*"] holds every `approve-NAME`."""


class ServiceAccount(ApiModel):
    """The operator's account."""

    create: bool = True
    """Whether it is created."""
    name: str = ""
    """Empty: the release's name."""
    annotations: Texts = {}
    """Its annotations."""


class Service(ApiModel):
    """The Service in front of /metrics."""

    annotations: Texts = {}
    """Its annotations."""
    labels: Texts = {}
    """Further labels."""


class Monitor(ApiModel):
    """A ServiceMonitor or PodMonitor of the Prometheus operator."""

    enabled: bool = False
    """Whether it is created."""
    namespace: str = ""
    """Empty: the release's."""
    labels: Texts = {}
    """Further labels, by which a Prometheus selects it."""
    interval: Interval = "30s"
    """The scrape interval."""
    scrape_timeout: Interval = "10s"
    """Timeout of a scrape."""
    relabelings: list[Passed] = []
    """Relabeling of the target."""
    metric_relabelings: list[Passed] = []
    """Relabeling of the samples."""


class PrometheusRule(ApiModel):
    """The alerts of docs/alerts.md."""

    enabled: bool = False
    """Whether they are created."""
    namespace: str = ""
    """Empty: the release's."""
    labels: Texts = {}
    """Further labels, by which a Prometheus selects it."""
    alert_labels: Texts = {}
    """Labels added to every alert."""
    disabled: list[str] = []
    """Names of alerts to leave out."""
    runbook_url: Annotated[str, Field(pattern="^https?://")] = "https://tidegate.dev/docs/alerts"
    """Where docs/alerts.md is published."""


class Dashboard(ApiModel):
    """A ConfigMap with the dashboard, for Grafana's sidecar."""

    enabled: bool = False
    """Whether it is created."""
    namespace: str = ""
    """Empty: the release's."""
    labels: Texts = {"grafana_dashboard": "1"}
    """Labels by which the sidecar finds it."""
    annotations: Texts = {}
    """Its annotations, such as the sidecar's folder."""


class ApiServer(ApiModel):
    """How the API server is reached."""

    cidrs: list[str] = []
    """Its addresses; empty: any."""
    ports: Annotated[list[Port], Field(min_length=1)] = [443, 6443]
    """Its ports."""


class NetworkPolicy(ApiModel):
    """What the operator's pod may reach and be reached by."""

    enabled: bool = False
    """Whether it is created."""
    metrics_from: list[Passed] = []
    """NetworkPolicyPeers that may read /metrics; empty: all."""
    api_server: ApiServer = ApiServer()
    """How the API server is reached."""
    sources: list[Passed] = []
    """NetworkPolicyEgressRules to `config.sources`."""
    notifications: list[Passed] = []
    """NetworkPolicyEgressRules to the receivers of notifications."""
    extra_egress: list[Passed] = []
    """Further NetworkPolicyEgressRules."""


class FlowSchema(ApiModel):
    """API Priority and Fairness: queues of the operator's own for its writes."""

    enabled: bool = True
    """Whether it is created."""
    matching_precedence: Annotated[int, Field(ge=1, le=10000)] = 1000
    """Must be lower than that of service-accounts (9000) to apply."""
    concurrency_shares: Annotated[int, Field(ge=1, le=1000)] = 10
    """Share of the API server's concurrent requests."""


class Values(ApiModel):
    """The values of the chart."""

    model_config = ConfigDict(title="Values of the Tidegate chart")

    name_override: str = ""
    """Replaces the name of the chart in names of objects."""
    fullname_override: str = ""
    """Replaces the names of the release and the chart in names of objects."""
    common_labels: Texts = {}
    """Labels of every object."""
    common_annotations: Texts = {}
    """Annotations of every object."""
    image: Image = Image()
    """The operator's image."""
    image_pull_secrets: list[Passed] = []
    """Secrets with which the image is pulled."""
    crds: Crds = Crds()
    """The CustomResourceDefinitions."""
    namespaces: list[NamespaceName] = []
    """The namespaces that are served; empty: the whole cluster."""
    cluster_scoped_resources: bool = True
    """Whether objects outside of namespaces are created."""
    routers: Annotated[list[Router], Field(min_length=1, json_schema_extra={"uniqueItems": True})] = [*STANDARD]
    """The kinds of route whose weights the operator may set: it watches them, and may patch them (docs/routers.md)."""
    features: Features = Features()
    """What the operator may do."""
    config: dict[str, Any]
    """The operator's configuration file, without `namespaces`, `routers` and `reports`."""
    notifications: NotificationAccess = NotificationAccess()
    """Permissions for `config.notifications`."""
    reports: Reports = Reports()
    """Reports of ended runs, kept in ConfigMaps (docs/report.md)."""
    rbac: Rbac = Rbac()
    """Roles and bindings."""
    admission: Admission = Admission()
    """Who may create which RolloutCommand."""
    service_account: ServiceAccount = ServiceAccount()
    """The operator's account."""
    resources: Passed = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
    """Requests and limits of the container."""
    pod_annotations: Texts = {}
    """Annotations of the pod."""
    pod_labels: Texts = {}
    """Further labels of the pod."""
    pod_security_context: Passed = RESTRICTED
    """Meets the Pod Security Standard `restricted`."""
    security_context: Passed = CONFINED
    """Meets the Pod Security Standard `restricted`."""
    liveness_probe: Passed = {"periodSeconds": 20, "timeoutSeconds": 5, "failureThreshold": 3}
    """Merged over GET /healthz."""
    readiness_probe: Passed = {"periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 2}
    """Merged over GET /readyz."""
    termination_grace_period_seconds: Annotated[int, Field(ge=0)] = 30
    """Reconciliations in progress are given up to 20 s."""
    priority_class_name: str = ""
    """The PriorityClass of the pod."""
    node_selector: Texts = {}
    """Labels of the nodes on which the pod may run."""
    tolerations: list[Passed] = []
    """Tolerations of the pod."""
    affinity: Passed = {}
    """Affinity of the pod."""
    topology_spread_constraints: list[Passed] = []
    """Topology spread constraints of the pod."""
    extra_env: list[Passed] = []
    """Further environment variables, such as HTTPS_PROXY."""
    extra_volumes: list[Passed] = []
    """Further volumes, such as the Secret with a source's token."""
    extra_volume_mounts: list[Passed] = []
    """Where the volumes are mounted."""
    service: Service = Service()
    """In front of /metrics."""
    service_monitor: Monitor = Monitor()
    """Scrapes through the Service."""
    pod_monitor: Monitor = Monitor()
    """Scrapes the pod."""
    prometheus_rule: PrometheusRule = PrometheusRule()
    """Alerts."""
    dashboard: Dashboard = Dashboard()
    """For Grafana."""
    network_policy: NetworkPolicy = NetworkPolicy()
    """What the pod may reach and be reached by."""
    flow_schema: FlowSchema = FlowSchema()
    """Queues of the operator's own at the API server."""
    extra_objects: list[str | Passed] = []
    """Further manifests; templates in them are evaluated."""
    global_: Annotated[Passed, Field(alias="global")] = {}
    """Helm's own; not used here."""

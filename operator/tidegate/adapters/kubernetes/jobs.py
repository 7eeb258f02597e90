"""Jobs made from suspended CronJobs: creating them so that a repeated creation finds the first, and reading what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from tidegate.adapters.kubernetes.cache import Cache, Key
from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.resources import ROLLOUTS, Resource
from tidegate.adapters.kubernetes.rollouts import epoch
from tidegate.core.model.jobs import NO_DEADLINE_GIVEN, Job, JobState, StartJob
from tidegate.core.model.world import ABSENT, Lookup, RolloutObject, Unknown
from tidegate.ports.errors import Conflict, Missing, PortError, Rejected
from tidegate.ports.protocols import Manager

JOBS: Final = Resource("batch", "v1", "jobs", "Job")
CRON_JOBS: Final = Resource("batch", "v1", "cronjobs", "CronJob")

ROLLOUT_LABEL: Final = "tidegate.dev/rollout"
RUN_LABEL: Final = "tidegate.dev/run"
UID_LABEL: Final = "tidegate.dev/rollout-uid"
"""By it a Job is known as this Rollout's: one that is being deleted owns none."""
MANAGED_BY: Final = ("app.kubernetes.io/managed-by", "tidegate")

KEPT: Final = 7 * 86_400
"""Seconds that a Job is kept after its end (`ttlSecondsAfterFinished`) where its CronJob does not say."""
KEPT_AT_LEAST: Final = 600
"""The least of it: its end must be seen before it goes."""


class JobView(NamedTuple):
    """A Job, and the Rollout it is of."""

    rollout: str
    job: Job


class JobCache:
    """The Jobs of Rollouts as seen, and those whose end is awaited."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.views: Cache[JobView] = Cache()
        self.awaited: dict[Key, str] = {}
        """Jobs that have not ended, by namespace and name, with their Rollouts."""
        self._wanted: dict[str | None, asyncio.Event] = {}

    def wanted(self, namespace: str | None) -> asyncio.Event:
        """Set while there are any in a namespace; in all without one."""
        if namespace not in self._wanted:
            self._wanted[namespace] = asyncio.Event()
            self._say_wanted(namespace)
        return self._wanted[namespace]

    def put(self, raw: Mapping[str, Any], *, watched: bool) -> tuple[JobView, bool]:
        """Takes in a Job. Returns: it, and whether it is news."""
        metadata = raw["metadata"]
        key = (metadata["namespace"], metadata["name"])
        view = JobView((metadata.get("labels") or {}).get(ROLLOUT_LABEL, ""), job_of(raw))
        news = self.views.put(key, metadata["resourceVersion"], view, watched=watched)
        if view.job.state is not JobState.RUNNING:
            self.ended(key)
        return view, news

    def listed(self, namespace: str | None, keys: Collection[Key]) -> list[tuple[Key, str]]:
        """Forgets the Jobs that a list does not have. Returns: those of them whose end was awaited, with their Rollouts."""
        gone = [key for key, _ in self.views.items() if namespace in {None, key[0]} and key not in keys]
        gone += [key for key in self.awaited if namespace in {None, key[0]} and key not in keys and key not in gone]
        awaited = [(key, self.awaited[key]) for key in gone if key in self.awaited]
        for key in gone:
            self.views.drop(key)
            self.ended(key)
        return awaited

    def await_end(self, key: Key, rollout: str) -> None:
        """The end of a Job is awaited."""
        self.awaited[key] = rollout
        self._say_wanted(None, key[0])

    def ended(self, key: Key) -> None:
        """It has ended, or is gone."""
        self.awaited.pop(key, None)
        self._say_wanted(None, key[0])

    def _say_wanted(self, *places: str | None) -> None:
        for place in places:
            event = self._wanted.get(place)
            if event is None:
                continue
            if any(place in {None, namespace} for namespace, _ in self.awaited):
                event.set()
            else:
                event.clear()


def job_of(raw: Mapping[str, Any]) -> Job:
    """A Job as the API server sends it. It has failed as soon as its controller has decided that (`FailureTarget`)."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    conditions = {one.get("type"): one for one in status.get("conditions") or () if one.get("status") == "True"}
    failed = conditions.get("Failed") or conditions.get("FailureTarget")
    state, message, finished = JobState.RUNNING, "", ""
    if failed is not None:
        state = JobState.FAILED
        message = ": ".join(part for part in (failed.get("reason"), failed.get("message")) if part)
        finished = failed.get("lastTransitionTime") or ""
    elif "Complete" in conditions:
        state = JobState.SUCCEEDED
        finished = status.get("completionTime") or conditions["Complete"].get("lastTransitionTime") or ""
    started = status.get("startTime") or ""
    return Job(
        name=metadata["name"],
        uid=metadata["uid"],
        state=state,
        message=message,
        started=epoch(started) if started else None,
        finished=epoch(finished) if finished else None,
        deadline=float((raw.get("spec") or {}).get("activeDeadlineSeconds") or 0),
    )


class KubernetesJobs:
    """The `Jobs` port on the Kubernetes API."""

    def __init__(self, api: Api, cache: JobCache) -> None:
        self._api = api
        self._cache = cache

    def known(self, namespace: str, name: str) -> Job | None:
        """The Job as the watch stream tells of it."""
        view = self._cache.views.get((namespace, name))
        return view.job if view is not None else None

    async def start(self, rollout: RolloutObject, job: StartJob) -> Job:
        """Creates the Job, or finds the one of this name that was created for this Rollout."""
        key = (rollout.namespace, job.name)
        cron_job = await self._api.get(CRON_JOBS, rollout.namespace, job.cron_job)
        refusal = unsuspended(rollout.namespace, job.cron_job, cron_job)
        if refusal:
            raise Rejected(refusal)
        try:
            raw = await self._api.create(
                JOBS, rollout.namespace, body_of(rollout, job, cron_job), manager=Manager.FORWARD
            )
        except Conflict:
            raw = await self._found(rollout, job)
        self._cache.await_end(key, rollout.name)
        return _as_read(self._cache.put(raw, watched=False)[0])

    async def read(self, namespace: str, name: str) -> Lookup[Job]:
        """The Job, live."""
        key = (namespace, name)
        try:
            raw = await self._api.get(JOBS, namespace, name)
        except Missing:
            self._cache.views.drop(key)
            self._cache.ended(key)
            return ABSENT
        except PortError as error:
            return Unknown(str(error))
        view, _ = self._cache.put(raw, watched=False)
        if view.job.state is JobState.RUNNING:
            self._cache.await_end(key, view.rollout)
        return _as_read(view)

    async def _found(self, rollout: RolloutObject, job: StartJob) -> JsonObject:
        raw = await self._api.get(JOBS, rollout.namespace, job.name)
        if (raw["metadata"].get("labels") or {}).get(UID_LABEL) != rollout.uid:
            raise Conflict(f"Job {rollout.namespace}/{job.name} exists and does not belong to this Rollout: delete it")
        return raw


def _as_read(view: JobView) -> Job:
    """What a call of ours has brought: it must be looked at again until a watch stream tells of it."""
    return replace(view.job, watched=False)


def unsuspended(namespace: str, name: str, cron_job: Mapping[str, Any]) -> str:
    """Why no Job is made from a CronJob; empty when it is suspended, as it must be."""
    if (cron_job.get("spec") or {}).get("suspend") is True:
        return ""
    return f"CronJob {namespace}/{name} is not suspended (spec.suspend: true), so it would also run by itself"


def body_of(rollout: RolloutObject, job: StartJob, cron_job: Mapping[str, Any]) -> JsonObject:
    """The Job, made from the CronJob's template."""
    template = (cron_job.get("spec") or {}).get("jobTemplate") or {}
    given = template.get("metadata") or {}
    labels = {
        **(given.get("labels") or {}),
        MANAGED_BY[0]: MANAGED_BY[1],
        ROLLOUT_LABEL: rollout.name,
        RUN_LABEL: job.run,
        UID_LABEL: rollout.uid,
    }
    owner = {"apiVersion": ROLLOUTS.api_version, "kind": ROLLOUTS.kind, "name": rollout.name, "uid": rollout.uid}
    metadata: JsonObject = {
        "name": job.name,
        "namespace": rollout.namespace,
        "labels": labels,
        "annotations": {**(given.get("annotations") or {}), "cronjob.kubernetes.io/instantiate": "manual"},
        **({"ownerReferences": [{**owner, "controller": True}]} if job.owned else {}),
    }
    spec = dict(template.get("spec") or {})
    deadline = job.deadline or spec.get("activeDeadlineSeconds") or NO_DEADLINE_GIVEN
    spec["activeDeadlineSeconds"] = max(int(deadline), 1)
    spec["ttlSecondsAfterFinished"] = max(int(spec.get("ttlSecondsAfterFinished", KEPT)), KEPT_AT_LEAST)
    spec["template"] = _with_environment(spec.get("template") or {}, job.environment)
    return {"apiVersion": JOBS.api_version, "kind": JOBS.kind, "metadata": metadata, "spec": spec}


def _with_environment(template: Mapping[str, Any], environment: Mapping[str, str]) -> JsonObject:
    """The pod template with these variables in every container, in place of its own of the same names."""
    ours = [{"name": name, "value": _literal(value)} for name, value in environment.items()]
    spec = dict(template.get("spec") or {})
    for part in ("initContainers", "containers"):
        if part in spec:
            spec[part] = [
                {**one, "env": [*(own for own in one.get("env") or () if own.get("name") not in environment), *ours]}
                for one in spec[part]
            ]
    return {**template, "spec": spec}


def _literal(value: str) -> str:
    """A value in which the kubelet replaces nothing: `$(NAME)` would be another variable's value."""
    return value.replace("$", "$$")

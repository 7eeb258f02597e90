# syntax=docker/dockerfile:1
# Tidegate: the operator and the command line. Only hash-locked wheels, no root, nothing written.
# docs/install.md says how to build it; the project's own tests have no container engine and start the same wheels
# in a read-only tree instead (tests/integration/install/test_container.py).
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/build.txt requirements/operator.txt requirements/
RUN pip install --require-hashes --only-binary :all: -r requirements/build.txt
RUN pip install --require-hashes --only-binary :all: --no-compile --target /app -r requirements/operator.txt
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY operator operator
RUN pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
 && pip install --no-deps --no-compile --target /app /wheels/*.whl
# Nothing is compiled at run time: the file system is read-only there.
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM python:${PYTHON}-slim
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="Tidegate" \
      org.opencontainers.image.description="Canary releases on Kubernetes that revert by themselves" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# HOME: the Kubernetes client asks where it is, and the user has none.
ENV HOME=/nonexistent PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=build /app /app
COPY LICENSE /LICENSE
USER 65532:65532
WORKDIR /
EXPOSE 8080
ENTRYPOINT ["python", "-m", "tidegate.cli"]
CMD ["operator", "--config", "/etc/tidegate/operator.yaml"]

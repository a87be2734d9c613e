# The image of tidewaiter: one program on a base without a shell or a package manager.
#
#   docker build --tag registry.example.com/tidewaiter:0.1.0 .
#
# With `--build-arg LOCK=requirements-otel.lock` it can send traces.
#
# Compiled wheels and byte code belong to one minor version of Python, so the two bases must have the same one; the
# build fails when they differ. BASE needs /usr/bin/python3, glibc and CA certificates, and nothing else.
ARG BUILD_BASE=docker.io/library/python:3.13-slim-trixie
ARG BASE=gcr.io/distroless/python3-debian13:nonroot

FROM ${BUILD_BASE} AS build
ARG LOCK=requirements.lock
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# The build backend and what it needs are taken, with their hashes, from the development lock; no part of the program.
COPY requirements*.lock ./
RUN python3 -m venv /build \
 && awk '/^[^ ]/ { take = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } take' requirements-dev.lock > /build/lock \
 && /build/bin/pip install --require-hashes --only-binary=:all: -r /build/lock
RUN python3 -m venv --without-pip /opt/tidewaiter \
 && /build/bin/pip --python /opt/tidewaiter/bin/python3 install --no-compile --require-hashes --only-binary=:all: -r ${LOCK}

COPY pyproject.toml README.md LICENSE ./
COPY webhook webhook
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /build/bin/pip --python /opt/tidewaiter/bin/python3 install --no-compile --no-deps --no-index /dist/*.whl

# Byte code is made here once and never compared with its source: the image is read-only. Then the environment is
# turned to the interpreter of the other stage.
RUN /opt/tidewaiter/bin/python3 -m compileall -q -f --invalidation-mode unchecked-hash /opt/tidewaiter/lib \
 && rm /opt/tidewaiter/bin/*ctivate* \
 && ln -sf /usr/bin/python3 /opt/tidewaiter/bin/python3 \
 && sed -i -e 's|^home = .*|home = /usr/bin|' -e '/^executable = /d' -e '/^command = /d' /opt/tidewaiter/pyvenv.cfg

FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="tidewaiter" \
      org.opencontainers.image.description="Kubernetes admission webhook: image signatures, registry allowlist, security context" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE}"

COPY --from=build /opt/tidewaiter /opt/tidewaiter
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/
WORKDIR /
USER 65532:65532

# Without a shell: the versions agree, and every compiled module finds its libraries in this base.
RUN ["/usr/bin/python3", "-c", "import os, sys; built = os.listdir('/opt/tidewaiter/lib'); here = 'python%d.%d' % sys.version_info[:2]; built == [here] or sys.exit(f'BUILD_BASE has {built[0]} and BASE has {here}: name two images with the same minor version of Python')"]
RUN ["/opt/tidewaiter/bin/tidewaiter", "--help"]

EXPOSE 8443 8080
ENTRYPOINT ["/opt/tidewaiter/bin/tidewaiter"]
CMD ["--help"]

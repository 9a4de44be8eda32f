# syntax=docker/dockerfile:1
# The server in a container: three stages, of which the last has Python, the program, and nothing to build with. It runs as a user
# without rights and needs no file of its image changed: run it with --read-only, a volume at /var/lib/mox-trio and a tmpfs at /tmp.
# No secret is in it: keys and passwords come from the environment or from mounted files that mox-trio.toml names.

FROM node:22-slim AS pages
WORKDIR /src/webui/frontend
COPY webui/frontend/package.json webui/frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY webui/frontend ./
RUN npm run --silent build -- --logLevel warn

FROM python:3.11-slim AS program
WORKDIR /src
COPY .ci/program.lock .ci/build.lock ./
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement build.lock \
    && python -m venv /opt/mox-trio && /opt/mox-trio/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement program.lock
COPY pyproject.toml README.md LICENSE ./
COPY mox_trio ./mox_trio
COPY storage_backends ./storage_backends
COPY webui ./webui
COPY --from=pages /src/webui/static ./webui/static
RUN python -m hatchling build --target wheel && /opt/mox-trio/bin/pip install --no-deps dist/*.whl \
    && /opt/mox-trio/bin/python -m compileall -q /opt/mox-trio

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --no-log-init --no-create-home --home-dir /var/lib/mox-trio --shell /usr/sbin/nologin mox-trio \
    && install -d -m 700 -o mox-trio -g mox-trio /var/lib/mox-trio
COPY --from=program /opt/mox-trio /opt/mox-trio
ENV PATH=/opt/mox-trio/bin:$PATH PYTHONDONTWRITEBYTECODE=1 MOX_TRIO_CONFIG=/etc/mox-trio/mox-trio.toml
USER 10001:10001
WORKDIR /var/lib/mox-trio
VOLUME /var/lib/mox-trio
# Ports of services; those below 1024 need --sysctl net.ipv4.ip_unprivileged_port_start=0, or other ports in mox-trio.toml.
EXPOSE 25 143 443 465 587 993 8010
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["mox-trio", "status"]
ENTRYPOINT ["mox-trio"]
CMD ["serve"]

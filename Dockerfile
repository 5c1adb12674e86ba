# A service image on the runtime floor: no PyTorch, no compiler, no shell in its way.
#   docker build -t headstart .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -p 127.0.0.1:8000:8000 -v "$PWD/runs/waste/bundle:/bundle:ro" -e HEADSTART_TOKEN headstart
FROM python:3.13.7-slim-bookworm AS build
WORKDIR /source
RUN python -m venv /opt/headstart
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/headstart/bin/pip install --no-cache-dir --no-compile . \
    && /opt/headstart/bin/pip uninstall --yes pip

FROM python:3.13.7-slim-bookworm
LABEL org.opencontainers.image.title="headstart" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/headstart /opt/headstart
ENV PATH=/opt/headstart/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HEADSTART_CACHE=/tmp/headstart \
    HEADSTART_OFFLINE=1
USER 10001:10001
WORKDIR /tmp
VOLUME ["/bundle"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# The token comes from HEADSTART_TOKEN or the file HEADSTART_TOKEN_FILE; without one the service
# refuses this address.
ENTRYPOINT ["headstart", "serve"]
CMD ["model=/bundle", "--host", "0.0.0.0", "--port", "8000"]

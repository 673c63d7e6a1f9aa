# One image for the ML backend and the worker: docker build --build-arg DEVICE=cuda -t onetag:cuda .
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
# cpu (a small image), or cuda (PyPI's torch, which brings CUDA along)
ARG DEVICE=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /source
RUN python -m venv /opt/onetag
COPY pyproject.toml README.md LICENSE ./
COPY onetag ./onetag
COPY annotator ./annotator
COPY model_backend ./model_backend
COPY migrations ./migrations
RUN case "$DEVICE" in \
      cpu) index=(--extra-index-url https://wheels.example/cpu) ;; \
      cuda) index=() ;; \
      *) echo "DEVICE is cpu or cuda, not $DEVICE" >&2; exit 1 ;; \
    esac \
    && /opt/onetag/bin/pip install --no-cache-dir "${index[@]}" ".[postgres]"

FROM python:${PYTHON_VERSION}-slim-bookworm
RUN groupadd --system --gid 10001 onetag \
    && useradd --system --uid 10001 --gid onetag --home-dir /data --shell /usr/sbin/nologin onetag \
    && install --directory --owner onetag --group onetag --mode 0700 /data
COPY --from=build /opt/onetag /opt/onetag
ENV PATH=/opt/onetag/bin:$PATH \
    HOME=/data \
    PYTHONUNBUFFERED=1 \
    ONETAG_DATA_DIR=/data \
    ONETAG_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
EXPOSE 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["onetag", "health", "serve"]
ENTRYPOINT ["onetag"]
CMD ["serve", "--host", "0.0.0.0"]

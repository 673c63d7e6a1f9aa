# One image for the ML backend and the worker, on CPU and CUDA: docker build -t onetag .
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
# The address of PyTorch's index of CPU builds leaves CUDA out: 5 GB less
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /source
RUN python -m venv /opt/onetag
COPY pyproject.toml README.md LICENSE ./
COPY onetag ./onetag
COPY annotator ./annotator
COPY model_backend ./model_backend
COPY migrations ./migrations
RUN /opt/onetag/bin/pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url="$TORCH_INDEX"} ".[postgres]"

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

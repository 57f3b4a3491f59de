# Three images from one file:
#   docker build --target service    -t gan-advisor .              API and dashboard, no torch
#   docker build --target worker     -t gan-advisor-worker .       trains; --build-arg TORCH_INDEX=... takes torch from another index
#   docker build --target worker-gpu -t gan-advisor-worker-gpu .   the same, told to use the GPUs it is given; run with --gpus all
FROM python:3.11-slim AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv/gan-advisor
RUN useradd --system --uid 10001 --home-dir /var/lib/gan-advisor --create-home advisor
COPY pyproject.toml constraints.txt README.md LICENSE alembic.ini ./
COPY app app
COPY models models
COPY alembic alembic
ENV GAN_ADVISOR_DATA_DIR=/var/lib/gan-advisor PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv

FROM base AS service
RUN pip install -c constraints.txt -e '.[otel]'
USER advisor
EXPOSE 8000
HEALTHCHECK --interval=30s CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz')"
CMD ["gan-advisor", "serve", "--host", "0.0.0.0", "--no-worker"]

FROM base AS worker
ARG TORCH_INDEX=
RUN if [ -n "$TORCH_INDEX" ]; then pip install -c constraints.txt --index-url "$TORCH_INDEX" torch; fi \
 && pip install -c constraints.txt -e '.[train,otel]'
USER advisor
CMD ["gan-advisor", "worker"]

# The torch of the default index carries CUDA on x86-64, so the host needs a driver and the container toolkit alone. Not tried on a GPU.
FROM worker AS worker-gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

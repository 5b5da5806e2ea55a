# fluorobench on a processor. Build it in a checkout:
#   docker build --tag fluorobench .
# A CPU build of torch is much smaller; name its package index:
#   docker build --tag fluorobench --build-arg PIP_EXTRA_INDEX_URL=URL .
FROM python:3.11-slim

# The threads of compiled kernels need OpenMP; Debian's packages of one release only get fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /opt/fluorobench
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY bench ./bench
COPY methods ./methods
COPY similarities ./similarities
COPY datasets ./datasets
COPY reports ./reports
RUN pip install --no-cache-dir --constraint constraints.txt .

RUN useradd --create-home --uid 1000 bench \
    && install --directory --owner 1000 /bench /home/bench/.cache /home/bench/.cache/numba
USER 1000
# Compiled kernels are kept with the user: a mounted volume saves the compilation of each new container.
ENV NUMBA_CACHE_DIR=/home/bench/.cache/numba
WORKDIR /bench
ENTRYPOINT ["fluorobench"]
CMD ["--help"]

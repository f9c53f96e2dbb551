# One matter per container: config.toml, archive.db and bundles/ lie in the volume /matter, and nothing else is kept.
#   docker build -t evidence --build-arg VERSION="$(git describe --tags --abbrev=0 | sed s/^v//)" .
#   docker run --rm -it -v "$PWD/matter:/matter" --user "$(id -u):$(id -g)" evidence sync
# A password comes in at run time (-e NAME, with password_env = "NAME"), never into the image.
# For the pages in the browser: docker run … --network host … evidence browse

FROM debian:trixie-slim AS build
ARG VERSION=""
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY requirements.lock ./
RUN python3 -m venv /opt/evidence \
    && /opt/evidence/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY tools/version.py tools/version.py
COPY src src
RUN EVIDENCE_BUILD_VERSION="$VERSION" /opt/evidence/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation .

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 libpango-1.0-0 libpangoft2-1.0-0 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin evidence \
    && install -d -o evidence -g evidence /matter
COPY --from=build /opt/evidence /opt/evidence
# What the program remembers of archives seen lies in the volume too, for the container is thrown away: copy it elsewhere
# from time to time, or name another place with EVIDENCE_STATE_DIR, so that an archive put back to an older state is noticed.
ENV PATH=/opt/evidence/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_STATE_HOME=/matter/.state \
    XDG_CACHE_HOME=/tmp
USER evidence
WORKDIR /matter
VOLUME ["/matter"]
ENTRYPOINT ["evidence"]
CMD ["status"]

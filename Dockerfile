# The one image of WakeDock: operator, gateway, command line. Caddy of a gateway comes from its own official image beside it.
#
#   docker build -t wakedock .
#   docker build --target sbom --output build/sbom .     # what is in it: CycloneDX for Python, a list for Debian
#
# BASE may be any Debian with apt: `make pin` puts the digest behind the tag, hack/images/build makes a base without a registry.
ARG BASE=docker.io/library/debian:13-slim

FROM ${BASE} AS interpreter
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log


# pip lives outside the environment that it fills, so nothing of it can be copied along.
FROM interpreter AS pip
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-pip
RUN python3 -m venv --without-pip /opt/wakedock && python3 -m venv --without-pip /opt/build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore


# Changes when the lock file does.
FROM pip AS dependencies
COPY requirements/kubernetes.lock /src/requirements/
RUN python3 -m pip --python /opt/wakedock/bin/python install --no-deps --require-hashes --only-binary=:all: -r /src/requirements/kubernetes.lock


# Changes with every line of code, and is small.
FROM pip AS code
COPY requirements/build.lock /src/requirements/
RUN python3 -m pip --python /opt/build/bin/python install --no-deps --require-hashes --only-binary=:all: -r /src/requirements/build.lock
COPY pyproject.toml README.md LICENSE /src/
COPY wakedock_operator /src/wakedock_operator
RUN cd /src && /opt/build/bin/python -m hatchling build -t wheel -d /wheels \
 && python3 -m pip --python /opt/wakedock/bin/python install --no-deps --no-index --prefix /code/opt/wakedock /wheels/*.whl


FROM interpreter AS wakedock
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="WakeDock" \
      org.opencontainers.image.description="Lets web apps sleep at zero cost and wakes them when somebody needs them" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE /usr/share/doc/wakedock/copyright
COPY --from=dependencies /opt/wakedock /opt/wakedock
COPY --from=code /code/ /
# The root filesystem is read-only where it runs: nothing is written beside the code, and HOME leads nowhere.
ENV PATH=/opt/wakedock/bin:/usr/bin:/bin HOME=/nonexistent PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["/opt/wakedock/bin/wakedock"]
CMD ["--help"]


# After the image, as builders without BuildKit build everything above their target.
FROM pip AS bill-of-materials
COPY requirements/sbom.lock /src/requirements/
RUN python3 -m pip --python /opt/build/bin/python install --no-deps --require-hashes --only-binary=:all: -r /src/requirements/sbom.lock
COPY --from=dependencies /opt/wakedock /opt/wakedock
COPY --from=code /code/ /
RUN mkdir /sbom \
 && /opt/build/bin/cyclonedx-py environment --output-reproducible --of JSON -o /sbom/python.cdx.json /opt/wakedock/bin/python
COPY --from=interpreter /var/lib/dpkg /dpkg
RUN dpkg-query --admindir=/dpkg --show --showformat '${Package}\t${Version}\t${Architecture}\n' > /sbom/debian.tsv

FROM scratch AS sbom
COPY --from=bill-of-materials /sbom/ /


FROM wakedock

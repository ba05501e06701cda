# One target per program: worker, callbackbridge, starter, kiesim, storegate, minio-setup, minio. All are static and run as "nonroot" (65532) on an
# image without a shell; none needs a writable root file system.
#
#   docker build --target worker --build-arg VERSION=v0.1.0 --build-arg REVISION=$(git rev-parse HEAD) -t stemflow-worker:v0.1.0 .
#
# A build with a VERSION takes exactly the base images whose digests are written here; one without, for this machine, takes what the
# tags name. `go run ./dev/release -pin` writes the digests again.
#
# The health checks ask at the default ports: one who changes STEMFLOW_BRIDGE_ADDR or STEMFLOW_METRICS_ADDR changes them too.

ARG VERSION
FROM golang:1.26-bookworm${VERSION:+@sha256:d9c68c2c51161e12fd77e4c6320687c9cd86e1af1e3ad6e6cd63ff970641453c} AS go
ENV CGO_ENABLED=0
WORKDIR /src

FROM go AS programs
# The modules first: they are fetched again only when they change.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION
ARG REVISION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    stamps="$(go list -m)/internal/program" && \
    go build -trimpath -buildvcs=false -ldflags="-s -w -X $stamps.stamped=${VERSION} -X $stamps.commit=${REVISION}" -o /out/ \
      ./worker ./callbackbridge/cmd/callbackbridge ./starter ./kiesim/cmd/kiesim ./deploy/healthcheck \
      ./deploy/storegate ./deploy/signalgate
# A new volume takes over the owner of the directory on which it is mounted.
RUN mkdir /out/data

FROM go AS tools
COPY tools/go.mod tools/go.sum ./

# For machines without a registry: the original MinIO, which publishes neither images nor binaries any more, from the module that
# tools/go.mod pins. It is archived and has known holes (SECURITY.md): nothing but storegate may reach it. It is a separate program
# under the AGPL, apart from stemflow's own modules.
FROM tools AS minio-programs
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags='-s -w' -o /out/minio github.com/minio/minio

FROM tools AS setup-programs
COPY tools/miniosetup miniosetup
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/miniosetup ./miniosetup

FROM gcr.io/distroless/static-debian12:nonroot${VERSION:+@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab} AS base
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.vendor="stemflow" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM base AS worker
LABEL org.opencontainers.image.title="stemflow worker" \
      org.opencontainers.image.description="Separates songs into stems and archives them, as workflows and activities of Temporal"
COPY --from=programs /out/worker /out/healthcheck /usr/local/bin/
EXPOSE 9464
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s \
  CMD ["/usr/local/bin/healthcheck", "http://127.0.0.1:9464/metrics", "temporal_worker_start"]
ENTRYPOINT ["/usr/local/bin/worker"]

FROM base AS callbackbridge
LABEL org.opencontainers.image.title="stemflow callback bridge" \
      org.opencontainers.image.description="Turns the provider's callbacks into signals to workflows"
# signalgate stands between the bridge and Temporal, where one wants that: docs/bridge.md.
COPY --from=programs /out/callbackbridge /out/signalgate /out/healthcheck /usr/local/bin/
EXPOSE 8088 9465
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s \
  CMD ["/usr/local/bin/healthcheck", "http://127.0.0.1:8088/readyz"]
ENTRYPOINT ["/usr/local/bin/callbackbridge"]

FROM base AS starter
LABEL org.opencontainers.image.title="stemflow starter" \
      org.opencontainers.image.description="Starts separations, watches them, and shows what they archived"
COPY --from=programs /out/starter /usr/local/bin/stemflow
ENTRYPOINT ["/usr/local/bin/stemflow"]

FROM base AS kiesim
LABEL org.opencontainers.image.title="kiesim" \
      org.opencontainers.image.description="A stand-in for the provider, for local stacks"
COPY --from=programs /out/kiesim /out/healthcheck /usr/local/bin/
COPY --from=programs --chown=nonroot:nonroot /out/data /data
EXPOSE 8090
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s \
  CMD ["/usr/local/bin/healthcheck", "http://127.0.0.1:8090/sim/bill"]
ENTRYPOINT ["/usr/local/bin/kiesim"]
CMD ["-addr", ":8090", "-state", "/data/state.json"]

FROM base AS storegate
LABEL org.opencontainers.image.title="stemflow's store gate" \
      org.opencontainers.image.description="Refuses uploads to an object store whose content is not signed"
COPY --from=programs /out/storegate /out/healthcheck /usr/local/bin/
COPY --from=programs --chown=nonroot:nonroot /out/data /data
EXPOSE 9000
# The server's /minio/health/ready answers 200 before it takes requests.
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s \
  CMD ["/usr/local/bin/healthcheck", "http://127.0.0.1:9000/minio/health/cluster"]
ENTRYPOINT ["/usr/local/bin/storegate"]

FROM base AS minio-setup
LABEL org.opencontainers.image.title="stemflow's MinIO setup" \
      org.opencontainers.image.description="Makes the bucket, and users who may use it and nothing else"
COPY --from=setup-programs /out/miniosetup /usr/local/bin/
COPY deploy/minio/policy.json deploy/minio/link-policy.json /etc/stemflow/
ENTRYPOINT ["/usr/local/bin/miniosetup", "-policy", "/etc/stemflow/policy.json", "-link-policy", "/etc/stemflow/link-policy.json"]

FROM gcr.io/distroless/static-debian12:nonroot${VERSION:+@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab} AS minio
LABEL org.opencontainers.image.title="MinIO" \
      org.opencontainers.image.description="MinIO's server, built from its module without changes" \
      org.opencontainers.image.source="https://github.com/minio/minio" \
      org.opencontainers.image.licenses="AGPL-3.0-only"
COPY --from=minio-programs /out/minio /usr/local/bin/
COPY --from=programs /out/healthcheck /usr/local/bin/
COPY --from=programs --chown=nonroot:nonroot /out/data /data
EXPOSE 9000 9001
# The server's /minio/health/ready answers 200 before it takes requests.
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s \
  CMD ["/usr/local/bin/healthcheck", "http://127.0.0.1:9000/minio/health/cluster"]
ENTRYPOINT ["/usr/local/bin/minio"]
# The default place for certificates is the home directory, which is not writable.
CMD ["server", "/data", "--address", ":9000", "--console-address", ":9001", "--certs-dir", "/tmp/certs"]

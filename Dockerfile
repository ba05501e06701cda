# One target per program: worker, callbackbridge, starter, kiesim, minio. All are static and run as "nonroot" (65532) on an image
# without a shell; none needs a writable root file system.

FROM golang:1.26-bookworm AS go
ENV CGO_ENABLED=0
WORKDIR /src

FROM go AS programs
# The modules first: they are fetched again only when they change.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags='-s -w' -o /out/ \
      ./worker ./callbackbridge/cmd/callbackbridge ./starter ./kiesim/cmd/kiesim

# MinIO publishes neither images nor binaries any more, so it is built from the module that tools/go.mod pins. It is a separate
# program under the AGPL, apart from stemflow's own modules.
FROM go AS minio-program
COPY tools/go.mod tools/go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags='-s -w' -o /out/minio github.com/minio/minio
# A new volume takes over the owner of the directory on which it is mounted.
RUN mkdir /out/data

FROM gcr.io/distroless/static-debian12:nonroot AS worker
COPY --from=programs /out/worker /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/worker"]

FROM gcr.io/distroless/static-debian12:nonroot AS callbackbridge
COPY --from=programs /out/callbackbridge /usr/local/bin/
EXPOSE 8088
ENTRYPOINT ["/usr/local/bin/callbackbridge"]

FROM gcr.io/distroless/static-debian12:nonroot AS starter
COPY --from=programs /out/starter /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/starter"]

FROM gcr.io/distroless/static-debian12:nonroot AS kiesim
COPY --from=programs /out/kiesim /usr/local/bin/
EXPOSE 8090
ENTRYPOINT ["/usr/local/bin/kiesim"]
CMD ["-addr", ":8090"]

FROM gcr.io/distroless/static-debian12:nonroot AS minio
COPY --from=minio-program /out/minio /usr/local/bin/
COPY --from=minio-program --chown=nonroot:nonroot /out/data /data
EXPOSE 9000 9001
ENTRYPOINT ["/usr/local/bin/minio"]
# The default place for certificates is the home directory, which is not writable.
CMD ["server", "/data", "--address", ":9000", "--console-address", ":9001", "--certs-dir", "/tmp/certs"]

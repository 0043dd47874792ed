# The container image. Where there is Docker:
#
#     docker build --build-arg VERSION=0.1.0 --tag image-classifier .
#     docker buildx build --platform linux/amd64,linux/arm64 …
#
# `make image` takes the last stage and needs no Docker: buildah reads it, and gets the files of the stage `package`, which
# scripts/image-root has laid out, from this machine.

# zig links for the other architecture as well, so this stage runs on the processor that there is.
FROM --platform=$BUILDPLATFORM rust:1.95-bookworm AS package
# Without a version: Debian 12 only gets fixes, and keeps no older version to install.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
ARG TARGETARCH
RUN case "$TARGETARCH" in \
        amd64) arch=x86_64 target=x86_64-unknown-linux-gnu ;; \
        arm64) arch=arm64 target=aarch64-unknown-linux-gnu ;; \
        *) echo "there is no image for $TARGETARCH" >&2; exit 1 ;; \
    esac \
    && rustup target add "$target" \
    && make package ARCH="$arch" \
    && scripts/image-root "$arch" /layers

FROM scratch AS image
COPY --from=package /layers/system/ /
COPY --from=package /layers/model/ /
COPY --from=package /layers/program/ /
# The last two are what the program would otherwise set itself, by starting again.
ENV HOST=0.0.0.0 \
    PORT=5000 \
    PATH=/opt/image-classifier \
    MIMALLOC_PURGE_DELAY=10 \
    ORT_DISABLE_TELEMETRY=1
USER 65532:65532
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/opt/image-classifier/image-classifier", "health"]
# No command: without one the program is a function where Lambda sets AWS_LAMBDA_RUNTIME_API, and a server elsewhere.
ENTRYPOINT ["/opt/image-classifier/image-classifier"]
ARG VERSION=
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="image-classifier" \
    org.opencontainers.image.description="An image classifier: POST a photo, get its top-3 labels" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.source="$SOURCE"

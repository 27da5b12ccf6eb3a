# The image that is published. Tests do not need it: they assemble the same two binaries without a container engine (make image).
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=0.1.0
WORKDIR /src
# The modules first: they change less often than the sources, so their layer is reused.
COPY go.mod go.sum ./
RUN go mod download
COPY api/ api/
COPY internal/ internal/
COPY operator/ operator/
COPY program/ program/
COPY webhook/ webhook/
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -o /out/ \
    -ldflags "-s -w -X github.com/windlass-operator/windlass/program.Version=$VERSION" \
    ./operator ./webhook

FROM gcr.io/distroless/static:nonroot
LABEL org.opencontainers.image.source=https://github.com/windlass-operator/windlass \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /out/operator /out/webhook /
USER 65532:65532

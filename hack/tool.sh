#!/usr/bin/env bash
# tool.sh NAME prints the path of a development tool and builds it first when the cache does not hold it.
#
# The tools are pinned in tools/ and the modules below it, away from the product's own requirements. A binary is
# keyed by its pin and by the Go version, and moved into place in one step, so an interrupted build leaves nothing half-made.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
known="controller-gen, crd-ref-docs, helm, ct, helm-docs, kustomize, golangci-lint, promtool, prometheus, argocd, source-controller,
kustomize-controller and helm-controller"
name=${1:?usage: tool.sh NAME, one of $known}

case $name in
  controller-gen) module=tools package=sigs.k8s.io/controller-tools/cmd/controller-gen ;;
  crd-ref-docs)   module=tools/crd-ref-docs package=github.com/elastic/crd-ref-docs ;;
  helm)           module=tools package=helm.sh/helm/v3/cmd/helm ;;
  ct)             module=tools package=github.com/helm/chart-testing/v3/ct ;;
  helm-docs)      module=tools package=github.com/norwoodj/helm-docs/cmd/helm-docs ;;
  kustomize)      module=tools package=sigs.k8s.io/kustomize/kustomize/v5 ;;
  golangci-lint)  module=tools/golangci-lint package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint ;;
  promtool | prometheus)
    module=tools/prometheus package=github.com/prometheus/prometheus/cmd/$name ;;
  argocd)         module=tools/argocd package=github.com/argoproj/argo-cd/v3/cmd ;;
  source-controller | kustomize-controller | helm-controller)
    module=tools/flux package=github.com/fluxcd/$name ;;
  *) echo "tool.sh: unknown tool \"$name\"; known are $known" >&2; exit 2 ;;
esac

tags=''
if [[ $module == tools/prometheus ]]; then
  # Targets are found by asking the API server, or named; the clients of all the clouds would be most of the build.
  tags=remove_all_sd,enable_kubernetes_sd
fi
ldflags='-s -w'
if [[ $name == helm ]]; then
  # Helm judges a chart's kubeVersion and deprecated APIs by a Kubernetes version stamped into it; unstamped, it believes in 1.20.
  for package_of_version in helm.sh/helm/v3/pkg/chartutil helm.sh/helm/v3/pkg/lint/rules; do
    ldflags+=" -X $package_of_version.k8sVersionMajor=1 -X $package_of_version.k8sVersionMinor=37"
  done
fi

cache=${WINDLASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/windlass}
version=$(cd "$root/$module" && go list -f '{{.Module.Version}}' "$package")
key=$({ cat "$root/$module/go.mod" "$root/$module/go.sum"; go env GOVERSION; echo "$ldflags"$tags; } | sha256sum | cut -c1-12)
binary=$cache/tools/$name-$version-$key

if [[ ! -x $binary ]]; then
  mkdir -p "$cache/tools"
  # Two runs at once build once: the second waits for the lock and then finds the binary.
  exec 9>"$cache/tools/.$name.lock"
  flock 9
  if [[ ! -x $binary ]]; then
    echo "building $name $version once into $cache/tools" >&2
    (cd "$root/$module" && CGO_ENABLED=0 go build -trimpath -tags="$tags" -ldflags="$ldflags" -o "$binary.partial" "$package")
    mv "$binary.partial" "$binary"
  fi
fi
echo "$binary"

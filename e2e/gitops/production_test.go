// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/windlass-operator/windlass/e2e/internal/checkout"
	"github.com/windlass-operator/windlass/e2e/internal/gitserver"
)

// What the examples' production overlay holds.
const (
	production       = "shop-production"
	ledger           = "ledger"
	ledgerContainer  = "ledger"
	ledgerPatch      = "ledger-on-spot"
	gatewaySet       = "gateway-production"
	gatewayContainer = "gateway"
)

// Files of the examples.
const (
	basePlatform       = "examples/manifests/base/platform/kustomization.yaml"
	baseStatefulSet    = "examples/manifests/base/shop/statefulset.yaml"
	productionPlatform = "examples/manifests/overlays/production/platform/kustomization.yaml"
	productionShop     = "examples/manifests/overlays/production/shop/kustomization.yaml"
)

// publish makes a repository of this checkout whose examples take, instead of public images, version v1 of those that
// the cluster's registry has.
func publish(ctx context.Context, name string) *gitserver.Repository {
	GinkgoHelper()
	repository, err := checkout.Publish(ctx, gitServer, name, release.OwnValues())
	Expect(err).NotTo(HaveOccurred())
	_, err = repository.Commit(ctx, "Images of this cluster",
		gitserver.Replace(productionPlatform, "newTag: 1.28.0-alpine", "newName: ghcr.io/windlass-operator/testsidecar\n    newTag: v1"),
		gitserver.Replace(productionShop, "newTag: 6.9.0", "newName: ghcr.io/windlass-operator/testapp\n    newTag: v1"))
	Expect(err).NotTo(HaveOccurred())
	return repository
}

// newTag replaces the tag of the only image of an overlay.
func newTag(path, before, after string) gitserver.Edit {
	return gitserver.Replace(path, "newTag: "+before+"\n", "newTag: "+after+"\n")
}

// pause sets, in an overlay, whether a rollout is paused. The strategy is "updateStrategy" for a SidecarSet and
// "updateStrategy/rollingUpdate" for a StatefulSet.
func pause(path, strategy string, paused bool) gitserver.Edit {
	rule := "path: /spec/" + strategy + "/paused, value: %t"
	return gitserver.Replace(path, fmt.Sprintf(rule, !paused), fmt.Sprintf(rule, paused))
}

package sidecar

import "github.com/windlass-operator/windlass/api/v1beta1"

// isHot tells whether a sidecar is upgraded by a second container beside it.
func isHot(c *v1beta1.SidecarContainer) bool {
	return c.UpgradeStrategy.UpgradeType == v1beta1.SidecarContainerHotUpgrade
}

// namesInPod are the containers that a sidecar has in a Pod: itself, or the two
// that take turns in hot upgrades.
func namesInPod(c *v1beta1.SidecarContainer) []string {
	if !isHot(c) {
		return []string{c.Name}
	}
	return []string{c.Name + "-1", c.Name + "-2"}
}

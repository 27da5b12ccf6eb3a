// SPDX-License-Identifier: Apache-2.0

// Package registered loads every package of the programs that registers metrics. They are in controller-runtime's registry
// once it is imported. A package with metrics of its own is added here.
package registered

import (
	// Each registers its metrics when it is loaded.
	_ "github.com/windlass-operator/windlass/operator/remediation"
	_ "github.com/windlass-operator/windlass/operator/schedpatch"
	_ "github.com/windlass-operator/windlass/operator/sidecarset"
	_ "github.com/windlass-operator/windlass/operator/statefulset"
	_ "github.com/windlass-operator/windlass/program"
	_ "github.com/windlass-operator/windlass/webhook/admissions"
	_ "github.com/windlass-operator/windlass/webhook/certs"
	_ "github.com/windlass-operator/windlass/webhook/freshness"
	_ "github.com/windlass-operator/windlass/webhook/pod"
	_ "github.com/windlass-operator/windlass/webhook/serve"
)

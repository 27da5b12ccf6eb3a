// SPDX-License-Identifier: Apache-2.0

package program

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var build = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "windlass_build_info",
	Help: "1, with the program, its version and the version of Go that it was built with.",
}, []string{"program", "version", "go_version"})

func init() { metrics.Registry.MustRegister(build) }

// ShowBuild has the metrics say which program serves them.
func ShowBuild(program string) { build.WithLabelValues(program, Version, runtime.Version()).Set(1) }

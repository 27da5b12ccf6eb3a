// Package kwok configures the simulated kubelet of simulated nodes.
package kwok

import _ "embed"

//go:embed kwok.yaml
var config []byte

// Config is the configuration file of the kwok program: options and Stages.
func Config() []byte { return config }

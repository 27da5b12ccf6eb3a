// SPDX-License-Identifier: Apache-2.0

// Package crds holds the CustomResourceDefinitions of this project as files, for tests and for programs that install
// them without Helm.
package crds

import "embed"

// FS has one YAML file per definition, named <group>_<plural>.yaml. The files are made from the Go types of the API by
// make generate.
//
//go:embed *.yaml
var FS embed.FS

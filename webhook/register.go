// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/webhook/admissions"
)

// register serves admission at a path, and counts the answers.
func register(server webhook.Server, path string, handler admission.Handler) {
	server.Register(path, &webhook.Admission{Handler: admissions.Counted(path, handler)})
}

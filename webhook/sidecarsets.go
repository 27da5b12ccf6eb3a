// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

// serveSidecarSets registers the admission of SidecarSets. It fails when the policy file is there and wrong: a program
// that starts enforces what its administrator wrote.
func serveSidecarSets(mgr manager.Manager, o options, stored *sidecarset.Stored, revisions sidecarset.Revisions) error {
	policyFile := policy.NewFile(o.policyFile, policy.Parse)
	if _, err := policyFile.Value(); err != nil {
		return err
	}
	validator, err := sidecarset.NewValidator(sidecarset.Config{
		Stored: stored, Live: mgr.GetAPIReader(), Namespaces: mgr.GetCache(),
		Revisions: revisions, Excluded: strings.Split(o.excludedNamespaces, ","),
		Policy: policyFile, Patches: policy.NewOptionalFile(o.patchRulesFile, policy.ParsePatchRules),
	})
	if err != nil {
		return err
	}
	server := mgr.GetWebhookServer()
	register(server, sidecarset.MutatePath, sidecarset.Defaulter{})
	register(server, sidecarset.ValidatePath, validator)
	return nil
}

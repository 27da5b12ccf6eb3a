// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

// serveSidecarSets registers the admission of SidecarSets. It fails when the policy file is there and wrong: a program
// that starts enforces what its administrator wrote.
func serveSidecarSets(ctx context.Context, mgr manager.Manager, o options, revisions sidecarset.Revisions) error {
	stored, err := sidecarset.Follow(ctx, mgr.GetCache())
	if err != nil {
		return err
	}
	policyFile := policy.NewFile(o.policyFile, policy.Parse)
	if _, err := policyFile.Value(); err != nil {
		return err
	}
	validator, err := sidecarset.NewValidator(sidecarset.Config{
		Stored: stored.Stored, Live: mgr.GetAPIReader(), Namespaces: mgr.GetCache(),
		Revisions: revisions, Excluded: strings.Split(o.excludedNamespaces, ","),
		Policy: policyFile, Patches: policy.NewOptionalFile(o.patchRulesFile, policy.ParsePatchRules),
	})
	if err != nil {
		return err
	}
	server := mgr.GetWebhookServer()
	server.Register(sidecarset.MutatePath, &webhook.Admission{Handler: sidecarset.Defaulter{}})
	server.Register(sidecarset.ValidatePath, &webhook.Admission{Handler: validator})
	return mgr.AddReadyzCheck("validation", func(*http.Request) error { return stored.Synced() })
}

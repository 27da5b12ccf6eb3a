// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func byLabel(key, value string) v1beta1.LifecycleHook {
	return v1beta1.LifecycleHook{LabelsHandler: map[string]string{key: value}}
}

func TestHooksThatCannotWork(t *testing.T) {
	const hook = "spec.lifecycle.inPlaceUpdate"
	for name, test := range map[string]struct {
		hook v1beta1.LifecycleHook
		want []string
	}{
		"a label":                        {byLabel("mesh/drained", "false"), nil},
		"it holds by nothing":            {v1beta1.LifecycleHook{MarkPodNotReady: true}, []string{hook + ": Required value"}},
		"no label of a Pod":              {byLabel("mesh/drained", "not drained"), []string{hook + ".labelsHandler: Invalid value"}},
		"no finalizer of a Pod":          {v1beta1.LifecycleHook{FinalizersHandler: []string{"hold"}}, []string{hook + ".finalizersHandler[0]: Invalid value"}},
		"the label that the set selects": {byLabel("app", "web"), []string{hook + ".labelsHandler[app]: Forbidden"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range validateLifecycle(&build.MakeSidecarSet("s").Hook(test.hook).Obj().Spec) {
				got = append(got, err.Field+": "+err.Type.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
	set := build.MakeSidecarSet("s").Container("agent", "agent:1").Hook(byLabel("app", "web")).Obj()
	if errs := ValidateFields(set); !slices.ContainsFunc(errs, func(err *field.Error) bool { return err.Type == field.ErrorTypeForbidden }) {
		t.Errorf("the validation of a set says %v", errs)
	}
}

func TestWhatDrainingAsksOfPods(t *testing.T) {
	plain, grace := build.MakeSidecarSet("s"), build.MakeSidecarSet("s").Grace(5)
	marked, held := byLabel("mesh/drained", "false"), v1beta1.LifecycleHook{FinalizersHandler: []string{"mesh/hold"}}
	marked.MarkPodNotReady = true
	const (
		gate       = ": new Pods get the readiness gate KruisePodReady: they are not Ready while no operator runs. Pods that run already do not have it, and are updated without draining"
		finalizers = "spec.lifecycle.inPlaceUpdate.finalizersHandler: finalizers are not added to new Pods, since they would also hold their deletion; only Pods that somebody else gives them wait for the hook"
	)
	for name, test := range map[string]struct {
		set, old *build.SidecarSetBuilder
		want     []string
	}{
		"nothing":                           {plain, nil, nil},
		"a grace period":                    {grace, nil, []string{"spec.updateStrategy.gracePeriodSeconds" + gate}},
		"a grace period from now on":        {grace, plain, []string{"spec.updateStrategy.gracePeriodSeconds" + gate}},
		"as before":                         {grace, grace, nil},
		"a hook that marks Pods":            {build.MakeSidecarSet("s").Hook(marked), nil, []string{"spec.lifecycle.inPlaceUpdate.markPodNotReady" + gate}},
		"a hook by labels alone":            {build.MakeSidecarSet("s").Hook(byLabel("a", "b")), nil, nil},
		"a hook by finalizers":              {build.MakeSidecarSet("s").Hook(held), plain, []string{finalizers}},
		"a hook by the same ones as before": {build.MakeSidecarSet("s").Hook(held), build.MakeSidecarSet("s").Hook(held), nil},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := sidecar.Compile(test.set.Obj())
			if err != nil {
				t.Fatal(err)
			}
			var old *v1beta1.SidecarSet
			if test.old != nil {
				old = test.old.Obj()
			}
			if diff := cmp.Diff(test.want, lifecycleWarnings(set, old)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

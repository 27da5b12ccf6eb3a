// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// TestHelmTestAsksAboutThisRelease holds the Pod of `helm test` to the names that the release's objects have.
func TestHelmTestAsksAboutThisRelease(t *testing.T) {
	result, err := render(t, renderOptions{release: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	pod := get[*corev1.Pod](t, result, "prod-windlass-test")
	want := []string{
		"--deployments=prod-windlass-operator,prod-windlass-webhook", "--mutating-webhook-configuration=prod-windlass",
		"--validating-webhook-configuration=prod-windlass", "--timeout=1m",
	}
	if diff := cmp.Diff(want, pod.Spec.Containers[0].Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	if result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec)); !result.Allowed {
		t.Errorf("it does not meet the restricted level: %s", result.ForbiddenDetail())
	}
}

// TestHelmTestIsAllHooks makes sure that nothing of the test is installed with the release, its permissions least of
// all.
func TestHelmTestIsAllHooks(t *testing.T) {
	found := 0
	for _, object := range mustRender(t, "").objects {
		isHook := object.GetAnnotations()["helm.sh/hook"] == "test"
		if ofTest := strings.HasSuffix(object.GetName(), "-test"); ofTest != isHook {
			t.Errorf("%T %s: a hook of helm test: %t", object, object.GetName(), isHook)
		}
		if isHook {
			found++
		}
	}
	if found != 6 {
		t.Errorf("%d hooks, want a Pod, its account, two roles and their bindings", found)
	}
}

func TestHelmTestNeedsItsRoles(t *testing.T) {
	if pods := all[*corev1.Pod](mustRender(t, "rbac: {create: false}")); len(pods) != 0 {
		t.Errorf("there is a Pod for helm test that may not ask for anything: %s", pods[0].Name)
	}
}

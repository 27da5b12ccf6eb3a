// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// brokenThings is what kubectl says of each broken thing, as a person reads it. With WINDLASS_UPDATE_GOLDEN set the
// file is written anew.
var brokenThings = filepath.Join("testdata", "broken-things.golden.txt")

// broken is an object that something is wrong with.
type broken struct {
	what   string
	object client.Object
	// status is what the column STATUS has to be, as a regular expression.
	status string
}

var _ = Describe("kubectl get and describe", func() {
	It("tell what is wrong with twelve broken things, and what to do", func(ctx SpecContext) {
		namespace, narrow := newNamespace(ctx, nil), newNamespace(ctx, nil)
		began := time.Now()
		things := breakThings(ctx, namespace, narrow)
		var told []string
		for _, thing := range things {
			told = append(told, tell(ctx, thing, namespace, narrow))
		}
		figure("all told", "after %.0f s", time.Since(began).Seconds())
		// A kubectl that was used before the definitions were there does not know their category.
		fresh := GinkgoT().TempDir()
		for _, n := range []string{namespace, narrow} {
			figure("kubectl get", "%s", kubectl(ctx, "", "get", "windlass", "--cache-dir", fresh, "-n", n))
		}

		got := strings.Join(told, "\n")
		if os.Getenv("WINDLASS_UPDATE_GOLDEN") != "" {
			Expect(os.MkdirAll(filepath.Dir(brokenThings), 0o755)).To(Succeed())
			Expect(os.WriteFile(brokenThings, []byte(got), 0o644)).To(Succeed())
		}
		want, err := os.ReadFile(brokenThings)
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(Equal(string(want)))
	}, SpecTimeout(framework.SpecPatience))
})

// breakThings makes all of them side by side, since most of them take a deadline to be told of.
func breakThings(ctx context.Context, namespace, narrow string) []broken {
	GinkgoHelper()
	for _, app := range []string{"pull", "unpulled", "paused"} {
		Expect(cluster.Client.Create(ctx, framework.Deployment(namespace, app, 1))).To(Succeed())
	}
	cart := idleDeployment(namespace, 0)
	cart.Spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelOSStable: "linux"}
	Expect(cluster.Client.Create(ctx, cart)).To(Succeed())
	Expect(cluster.Client.Create(ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: narrow, Name: "narrow"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}},
	})).To(Succeed())
	return append(brokenSets(ctx, namespace, narrow), brokenSidecars(ctx, namespace)...)
}

func brokenSets(ctx context.Context, namespace, narrow string) []broken {
	GinkgoHelper()
	create := func(namespace, name string, replicas int32, edit func(*v1beta1.StatefulSet)) *v1beta1.StatefulSet {
		set := framework.StatefulSet(namespace, name, replicas)
		set.Spec.ProgressDeadlineSeconds = ptr.To[int32](deadlineSeconds)
		edit(set)
		Expect(cluster.Client.Create(ctx, set)).To(Succeed())
		return set
	}
	contradiction := patchFor(namespace, "apps/v1", "Deployment", "cart", func(spec *v1alpha1.SchedPatchSpec) {
		spec.Affinity, spec.Tolerations, spec.NodeSelector = nil, nil, map[string]string{corev1.LabelOSStable: "windows"}
	})
	Expect(cluster.Client.Create(ctx, contradiction)).To(Succeed())
	return []broken{
		{"a wrong image", create(namespace, "wrong-image", 1, withImage(missingAppImage)), "Stalled: (ErrImagePull|ImagePullBackOff)"},
		{"a Pod that no node takes", create(namespace, "unschedulable", 1, func(set *v1beta1.StatefulSet) {
			set.Spec.Template.Spec.NodeSelector = map[string]string{"no-such": "label"}
		}), "Stalled: Unschedulable"},
		{"a crash loop", create(namespace, "crash", 1, withArgs("exit", "3")), "Stalled: CrashLoopBackOff"},
		{"a quota", create(narrow, "quota", 2, func(set *v1beta1.StatefulSet) { set.Spec.PodManagementPolicy = "Parallel" }), "Stalled: Refused"},
		{"a SchedPatch that contradicts its target", contradiction, "Stalled: Conflict"},
	}
}

func brokenSidecars(ctx context.Context, namespace string) []broken {
	GinkgoHelper()
	create := func(app string, edit func(*v1beta1.SidecarSet)) *v1beta1.SidecarSet {
		set := framework.SidecarSet(namespace+"-"+app, namespace, app)
		set.Spec.ProgressDeadlineSeconds = ptr.To[int32](deadlineSeconds)
		if edit != nil {
			edit(set)
		}
		return createSet(ctx, set)
	}
	pull, unpulled, paused := create("pull", unasked), create("unpulled", nil), create("paused", nil)
	nothing := create("nothing", nil)
	exempt := create("exempt", func(set *v1beta1.SidecarSet) {
		set.Spec.NamespaceSelector, set.Spec.Namespace = nil, metav1.NamespaceSystem
	})
	clash := create("clash", func(set *v1beta1.SidecarSet) { set.Spec.Containers[0].Name = framework.AppContainer })
	createPod(ctx, framework.UnscheduledPod(namespace, "clash", "clash"))
	missed := create("missed", func(set *v1beta1.SidecarSet) { set.Spec.InjectionStrategy.Paused = true })
	createPod(ctx, framework.UnscheduledPod(namespace, "missed", "missed"))
	for _, app := range []string{"pull", "unpulled", "paused"} {
		awaitInjected(ctx, namespace, app)
	}
	changeSet(ctx, pull.Name, setImage(missingImage))
	changeSet(ctx, unpulled.Name, setImage(missingImage))
	changeSet(ctx, paused.Name, func(set *v1beta1.SidecarSet) {
		set.Spec.Containers[0].Image, set.Spec.UpdateStrategy.Paused = framework.SidecarImageV2, true
	})
	return []broken{
		{"a wrong image of a sidecar", pull, "Stalled: (ErrImagePull|ImagePullBackOff)"},
		{"a wrong image of a sidecar, which no Pod gets", unpulled, "Stalled: ImageUnavailable"},
		{"a rollout that was paused and forgotten", paused, "Paused"},
		{"a selector that matches nothing", nothing, "NoPods"},
		{"a namespace that the webhooks never serve", exempt, "Stalled: NamespaceNotServed"},
		{"a sidecar with the name of the Pod's own container", clash, "Uninjected 1"},
		{"injection that was paused and forgotten", missed, "Uninjected 1"},
	}
}

// awaitInjected waits until the one Pod of a Deployment is there with its sidecar and serves. A Pod that came before
// its set is made again.
func awaitInjected(ctx context.Context, namespace, app string) {
	GinkgoHelper()
	labels := map[string]string{framework.AppLabel: app}
	Eventually(ctx, func(g Gomega) {
		pods, err := cluster.Pods(ctx, namespace, labels)
		g.Expect(err).NotTo(HaveOccurred())
		for i := range pods {
			if framework.Container(&pods[i], framework.SidecarContainer) == nil {
				g.Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, &pods[i]))).To(Succeed())
			}
		}
		pods, err = cluster.ReadyPods(ctx, namespace, labels, 1)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(framework.Container(&pods[0], framework.SidecarContainer)).NotTo(BeNil())
	}).WithPolling(time.Second).Should(Succeed())
}

// statusOf reads an object anew and returns what of its status people see.
func statusOf(ctx context.Context, object client.Object) (summary string, conditions []metav1.Condition, err error) {
	if err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return "", nil, fmt.Errorf("read %s: %w", object.GetName(), err)
	}
	switch o := object.(type) {
	case *v1beta1.StatefulSet:
		return o.Status.Summary, o.Status.Conditions, nil
	case *v1beta1.SidecarSet:
		return o.Status.Summary, o.Status.Conditions, nil
	case *v1alpha1.SchedPatch:
		return o.Status.Summary, o.Status.Conditions, nil
	}
	return "", nil, fmt.Errorf("%T has no status that this test knows", object)
}

func summaryOf(ctx context.Context, object client.Object) (string, error) {
	summary, _, err := statusOf(ctx, object)
	return summary, err
}

// tell writes what a person reads of a broken thing once its STATUS says so, without what is different each time.
func tell(ctx context.Context, thing broken, namespaces ...string) string {
	GinkgoHelper()
	var summary string
	var conditions []metav1.Condition
	Eventually(ctx, func() (string, error) {
		var err error
		summary, conditions, err = statusOf(ctx, thing.object)
		return summary, err
	}).Should(MatchRegexp("^("+thing.status+")$"), thing.what)
	lines := []string{"# " + thing.what, "STATUS: " + summary}
	for _, kind := range []string{v1beta1.ConditionReady, v1beta1.ConditionStalled, v1beta1.ConditionInjected, v1beta1.ConditionFailedCreatePod} {
		c := meta.FindStatusCondition(conditions, kind)
		if c == nil || kind == v1beta1.ConditionInjected && c.Status == metav1.ConditionTrue {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	text := strings.Join(lines, "\n") + "\n"
	for i, namespace := range namespaces {
		text = strings.ReplaceAll(text, namespace, []string{"shop", "narrow"}[i])
	}
	return withoutVariety(text)
}

// varieties are parts of messages that are not the same each time, or on each cluster.
var varieties = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`ImagePullBackOff|ErrImagePull`), "ErrImagePull"},
	{regexp.MustCompile(`\b(wrong-image|unschedulable|crash|quota|shop-\w+)-[bcdf0-9][bcdfghjklmnpqrstvwxz0-9]{5,9}\b`), "$1-HASH"},
	{regexp.MustCompile(`\b(pull|unpulled|paused)-[bcdfghjklmnpqrstvwxz0-9]{6,10}-[bcdfghjklmnpqrstvwxz0-9]{5}\b`), "$1-HASH"},
	{regexp.MustCompile(`0/\d+ nodes are available: [^()]*`), "0/N nodes are available: ... "},
	{regexp.MustCompile(`\d+ restarts?`), "N restarts"},
	{regexp.MustCompile(`Asked: [\w-]+`), "Asked: NODE"},
}

func withoutVariety(text string) string {
	for _, v := range varieties {
		text = v.pattern.ReplaceAllString(text, v.text)
	}
	return text
}

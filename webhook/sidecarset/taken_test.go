// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// podsOnly lists these Pods, page by page. After so many pages it fails.
type podsOnly struct {
	client.Reader
	pods  []corev1.Pod
	pages int
	asked *int
}

func (p podsOnly) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	list, ok := into.(*corev1.PodList)
	if !ok {
		return nil
	}
	asked := (&client.ListOptions{}).ApplyOptions(options)
	*p.asked++
	if p.pages > 0 && *p.asked > p.pages {
		return errors.New("timeout")
	}
	from, _ := strconv.Atoi(asked.Continue)
	var found []corev1.Pod
	for i := range p.pods {
		if asked.LabelSelector.Matches(labels.Set(p.pods[i].Labels)) && (asked.Namespace == "" || asked.Namespace == p.pods[i].Namespace) {
			found = append(found, p.pods[i])
		}
	}
	to := min(from+int(asked.Limit), len(found))
	if list.Items = found[from:to]; to < len(found) {
		list.Continue = strconv.Itoa(to)
	}
	return nil
}

func TestWarningsOfPodsThatBringAContainerOfASidecarsName(t *testing.T) {
	pod := func(name string, change ...func(*build.PodBuilder)) corev1.Pod {
		b := build.MakePod(name).Namespace("shop").Label("app", "web")
		for _, c := range change {
			c(b)
		}
		return *b.Obj()
	}
	own := func(p *build.PodBuilder) { p.Container("agent", "own:1") }
	in := func(namespace string) func(*build.PodBuilder) {
		return func(p *build.PodBuilder) { p.Namespace(namespace) }
	}
	many := func(n int) (out []corev1.Pod) {
		for i := range n {
			out = append(out, pod(fmt.Sprintf("web-%04d", i), own))
		}
		return out
	}
	const (
		rest = " a container of a sidecar's name. Made anew, such Pods get nothing of this set, or are refused where injection is enforced. Of "
		of   = `: its container "agent" has the name of a container of this Pod; rename one of the two`
	)
	for name, test := range map[string]struct {
		pods   []corev1.Pod
		pages  int
		old    bool
		change func(old, set *v1beta1.SidecarSet)
		want   string
		asked  int
	}{
		"nobody has":     {pods: []corev1.Pod{pod("web-1")}, asked: 1},
		"a Pod has":      {pods: []corev1.Pod{pod("web-1"), pod("web-2", own)}, want: "spec.containers: live Pod shop/web-2 brings" + rest + "shop/web-2" + of, asked: 1},
		"two Pods have":  {pods: []corev1.Pod{pod("web-2", own), pod("web-3", own)}, want: "spec.containers: 2 live Pods, the first shop/web-2, bring" + rest + "shop/web-2" + of, asked: 1},
		"one that ended": {pods: []corev1.Pod{pod("web-1", own, func(p *build.PodBuilder) { p.Obj().Status.Phase = corev1.PodSucceeded })}, asked: 1},
		"one of a namespace that the set does not reach": {pods: []corev1.Pod{pod("web-1", own, in("bank"))}, asked: 1},
		"one of a namespace that no webhook serves":      {pods: []corev1.Pod{pod("web-1", own, in("kube-system"))}, asked: 1},
		"one that another selector is for":               {pods: []corev1.Pod{pod("db-1", own, func(p *build.PodBuilder) { p.Label("app", "db") })}, asked: 1},
		"more than are looked at": {pods: many(3000), asked: 4,
			want: "spec.containers: of the first 2000 Pods, as many as were looked at, 2000 live Pods, the first shop/web-0000, bring" + rest + "shop/web-0000" + of},
		"more than can be read": {pods: many(1200), pages: 1, asked: 2,
			want: "spec.containers: of the first 500 Pods, as many as were looked at, 500 live Pods, the first shop/web-0000, bring" + rest + "shop/web-0000" + of},
		"a set whose image changes": {pods: many(1), old: true, change: func(_, set *v1beta1.SidecarSet) { set.Spec.Containers[0].Image = "agent:2" }},
		"a set whose name of a container changes": {pods: many(1), old: true, asked: 1,
			change: func(old, _ *v1beta1.SidecarSet) { old.Spec.Containers[0].Name = "other" },
			want:   "spec.containers: live Pod shop/web-0000 brings" + rest + "shop/web-0000" + of},
		"a set whose selector changes": {pods: many(1), old: true, asked: 1,
			change: func(old, _ *v1beta1.SidecarSet) { old.Spec.Selector = selecting("app", "db") },
			want:   "spec.containers: live Pod shop/web-0000 brings" + rest + "shop/web-0000" + of},
		"a sidecar that becomes a native one": {pods: many(1), old: true, asked: 1,
			change: func(_, set *v1beta1.SidecarSet) {
				set.Spec.InitContainers, set.Spec.Containers = set.Spec.Containers, nil
				always := corev1.ContainerRestartPolicyAlways
				set.Spec.InitContainers[0].RestartPolicy = &always
			},
			want: "spec.containers: live Pod shop/web-0000 brings" + rest + `shop/web-0000: its init container "agent" has the name of a container of this Pod; rename one of the two`},
	} {
		t.Run(name, func(t *testing.T) {
			set := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
			set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"bank"}}}}
			old := set.DeepCopy()
			if test.change != nil {
				test.change(old, set)
			}
			r := request(t, set)
			if test.old {
				raw, err := json.Marshal(old)
				if err != nil {
					t.Fatal(err)
				}
				r.OldObject = runtime.RawExtension{Raw: raw}
			}
			asked := 0
			validator := newValidator(t, func(c *Config) {
				c.Live = podsOnly{pods: test.pods, pages: test.pages, asked: &asked}
				c.Namespaces = cluster{namespaces: []corev1.Namespace{*namespace("shop"), *namespace("bank"), *namespace("kube-system")}}
				c.Excluded = []string{"kube-system"}
			})
			answer := validator.Handle(t.Context(), r)
			if !answer.Allowed {
				t.Fatal(answer.Result)
			}
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			if diff := cmp.Diff(want, answer.Warnings); diff != "" && len(want)+len(answer.Warnings) > 0 {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if asked != test.asked {
				t.Errorf("asked for %d pages of Pods, want %d", asked, test.asked)
			}
		})
	}
}

// deadlines lists nothing, and notes until when it may take for that.
type deadlines struct {
	client.Reader
	until *[]time.Time
}

func (d deadlines) List(ctx context.Context, _ client.ObjectList, _ ...client.ListOption) error {
	until, _ := ctx.Deadline()
	*d.until = append(*d.until, until)
	return nil
}

// Warnings one after the other would otherwise take longer than the API server waits for the webhook.
func TestAllWarningsTogetherHaveOneTime(t *testing.T) {
	old := build.MakeSidecarSet("s").Container("other", "agent:1").Obj()
	old.Status.MatchedPods = 1
	r := request(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Obj())
	raw, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	r.OldObject = runtime.RawExtension{Raw: raw}
	var until []time.Time
	if answer := newValidator(t, func(c *Config) { c.Live = deadlines{until: &until} }).Handle(t.Context(), r); !answer.Allowed {
		t.Fatal(answer.Result)
	}
	if len(until) != 2 || until[0].IsZero() || !until[1].Equal(until[0]) {
		t.Errorf("PodDisruptionBudgets and Pods are read until %v, want both until the same time", until)
	}
}

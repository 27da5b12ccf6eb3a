// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	build "github.com/windlass-operator/windlass/internal/testing"
)

var webKey = Key{Namespace: "default", Name: "web-0"}

func setUp(t *testing.T) (*Store, *Cache, *Client) {
	t.Helper()
	s := NewStore(t)
	c := NewCache(s)
	s.Add(build.MakePod("web-0").Label("app", "web").Obj())
	c.Sync()
	w := &Client{Store: s, Reader: c}
	w.Answer = func(r Request) error { c.Owe(r.Kind); return nil }
	return s, c, w
}

func bare() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0"}}
}

func raw(kind types.PatchType, text string) client.Patch { return client.RawPatch(kind, []byte(text)) }

func TestWritesAreTakenAsByTheAPIServer(t *testing.T) {
	other := types.UID("other")
	for name, test := range map[string]struct {
		write func(c *Client) error
		want  func(error) bool
		image string
	}{
		"a JSON patch whose tests hold": {func(c *Client) error {
			return c.Patch(t.Context(), bare(), raw(types.JSONPatchType,
				`[{"op":"test","path":"/metadata/uid","value":"web-0-uid"},{"op":"replace","path":"/spec/containers/0/image","value":"app:2"}]`))
		}, nil, "app:2"},
		"a dry run changes nothing": {func(c *Client) error {
			return c.Patch(t.Context(), bare(), raw(types.JSONPatchType, `[{"op":"replace","path":"/spec/containers/0/image","value":"app:2"}]`), client.DryRunAll)
		}, nil, "app:1"},
		"a JSON patch whose test fails": {func(c *Client) error {
			return c.Patch(t.Context(), bare(), raw(types.JSONPatchType, `[{"op":"test","path":"/metadata/uid","value":"other"}]`))
		}, apierrors.IsInvalid, "app:1"},
		"a merge patch of another Pod": {func(c *Client) error {
			return c.Patch(t.Context(), bare(), raw(types.MergePatchType, `{"metadata":{"uid":"other"}}`))
		}, apierrors.IsConflict, "app:1"},
		"a merge patch of an older version": {func(c *Client) error {
			return c.Patch(t.Context(), bare(), raw(types.MergePatchType, `{"metadata":{"resourceVersion":"77"}}`))
		}, apierrors.IsConflict, "app:1"},
		"arguments cannot change": {func(c *Client) error {
			return c.Patch(t.Context(), bare(), raw(types.JSONPatchType, `[{"op":"add","path":"/spec/containers/0/args","value":["x"]}]`))
		}, apierrors.IsInvalid, "app:1"},
		"resources do not change without the subresource": {func(c *Client) error {
			return c.Patch(t.Context(), bare(), raw(types.JSONPatchType, `[{"op":"add","path":"/spec/containers/0/resources","value":{"requests":{"cpu":"1"}}}]`))
		}, apierrors.IsInvalid, "app:1"},
		"a resize that changes the class of service": {func(c *Client) error {
			return c.SubResource("resize").Patch(t.Context(), bare(), raw(types.JSONPatchType, `[{"op":"add","path":"/spec/containers/0/resources","value":{"requests":{"cpu":"1"}}}]`))
		}, apierrors.IsInvalid, "app:1"},
		"a policy is asked about images": {func(c *Client) error {
			c.Policy = func(_, _ client.Object) error { return Denied("nothing changes") }
			return c.Patch(t.Context(), bare(), raw(types.JSONPatchType, `[{"op":"replace","path":"/spec/containers/0/image","value":"app:2"}]`))
		}, apierrors.IsForbidden, "app:1"},
		"a policy is not asked about statuses": {func(c *Client) error {
			c.Policy = func(_, _ client.Object) error { return Denied("nothing changes") }
			return c.Status().Patch(t.Context(), bare(), raw(types.MergePatchType, `{"status":{"podIP":"10.0.0.9"}}`))
		}, nil, "app:1"},
		"a Pod that is there already": {func(c *Client) error { return c.Create(t.Context(), build.MakePod("web-0").New().Obj()) }, apierrors.IsAlreadyExists, "app:1"},
		"a deletion of another Pod":   {func(c *Client) error { return c.Delete(t.Context(), bare(), client.Preconditions{UID: &other}) }, apierrors.IsConflict, "app:1"},
		"an eviction of another Pod": {func(c *Client) error {
			return c.SubResource("eviction").Create(t.Context(), bare(), &policyv1.Eviction{DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}}})
		}, apierrors.IsConflict, "app:1"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, c := setUp(t)
			err := test.write(c)
			if (err == nil) != (test.want == nil) || err != nil && !test.want(err) {
				t.Errorf("answer: %v", err)
			}
			if diff := cmp.Diff(test.image, s.Pod(webKey).Spec.Containers[0].Image); diff != "" {
				t.Errorf("image (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADeletedPodIsGoneWhenItsKubeletHasStoppedIt(t *testing.T) {
	s, _, c := setUp(t)
	uid := types.UID("web-0-uid")
	if err := c.Delete(t.Context(), bare(), client.Preconditions{UID: &uid}); err != nil {
		t.Fatal(err)
	}
	if pod := s.Pod(webKey); pod == nil || pod.DeletionTimestamp == nil {
		t.Fatalf("the Pod is %+v", pod)
	}
	NewNodes(s).Kubelet(webKey)
	if pod := s.Pod(webKey); pod != nil {
		t.Errorf("the Pod is still there: %+v", pod)
	}
}

// A read after a write that was answered sees it, and everything before it; a read after any other write sees what
// watches have brought.
func TestReadsSeeTheirOwnWrites(t *testing.T) {
	label := func(c *Client) error {
		return c.Patch(t.Context(), bare(), raw(types.MergePatchType, `{"metadata":{"labels":{"seen":"yes"}}}`))
	}
	for name, test := range map[string]struct {
		before func(cache *Cache, c *Client)
		want   string
		stuck  bool
	}{
		"a write that was answered": {func(*Cache, *Client) {}, "yes", false},
		"a write whose answer was lost": {func(_ *Cache, c *Client) {
			c.Answer = func(Request) error { return apierrors.NewTimeoutError("no answer", 0) }
		}, "", false},
		"a broken watch": {func(cache *Cache, _ *Client) { cache.Deaf = true }, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, cache, c := setUp(t)
			test.before(cache, c)
			_ = label(c)
			pod := &corev1.Pod{}
			err := c.Get(t.Context(), webKey, pod)
			if errors.Is(err, context.DeadlineExceeded) != test.stuck {
				t.Errorf("read: %v", err)
			}
			if diff := cmp.Diff(test.want, pod.Labels["seen"]); diff != "" {
				t.Errorf("label (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheSchedulerHeedsRulesAndTaints(t *testing.T) {
	s := NewStore(t)
	for _, name := range []string{"a", "b", "c"} {
		s.Add(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"zone": name}}})
	}
	Change(s, Node, Key{Name: "a"}, func(node *corev1.Node) {
		node.Spec.Taints = []corev1.Taint{{Key: "spot", Effect: corev1.TaintEffectNoSchedule}}
	})
	n := NewNodes(s)
	place := func(name string, change func(*corev1.Pod)) string {
		pod := build.MakePod(name).New().Obj()
		change(pod)
		s.Add(pod)
		n.Kubelet(client.ObjectKeyFromObject(pod))
		return s.Pod(client.ObjectKeyFromObject(pod)).Spec.NodeName
	}
	got := []string{
		place("any", func(*corev1.Pod) {}),
		place("picky", func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{"zone": "c"} }),
		place("kept-out", func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{"zone": "a"} }),
		place("let-in", func(pod *corev1.Pod) {
			pod.Spec.NodeSelector = map[string]string{"zone": "a"}
			pod.Spec.Tolerations = []corev1.Toleration{{Key: "spot", Operator: corev1.TolerationOpExists}}
		}),
	}
	if diff := cmp.Diff([]string{"b", "c", "", "a"}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

func TestTheSchedulerHeedsVolumesAndOtherPods(t *testing.T) {
	s := NewStore(t)
	s.Add(MakeNode("a", nil))
	s.Add(MakeNode("b", nil))
	s.Add(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "disk"}, Spec: corev1.PersistentVolumeSpec{
		NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"b.example"}}},
		}}}},
	}})
	s.Add(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "disk"},
	})
	n := NewNodes(s)
	var got []string
	for _, name := range []string{"with-volume", "apart", "without-room"} {
		pod := build.MakePod(name).New().Label("app", "web").Obj()
		pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				LabelSelector: metav1.SetAsLabelSelector(pod.Labels), TopologyKey: corev1.LabelHostname,
			}},
		}}
		if name == "with-volume" {
			pod.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
			}}}
		}
		s.Add(pod)
		n.Kubelet(client.ObjectKeyFromObject(pod))
		got = append(got, s.Pod(client.ObjectKeyFromObject(pod)).Spec.NodeName)
	}
	if diff := cmp.Diff([]string{"b", "a", ""}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

// A Pod starts when the trouble of its node is over, and not with the next step of its kubelet.
func TestTroubleLasts(t *testing.T) {
	for _, trouble := range []Trouble{NoPull, Trickles, NoSandbox} {
		t.Run(string(trouble), func(t *testing.T) {
			s := NewStore(t)
			n := NewNodes(s)
			n.Troubles["node-1"] = trouble
			s.Add(build.MakePod("web-0").New().Obj())
			for range 3 {
				n.Kubelet(webKey)
			}
			if Condition(s.Pod(webKey), corev1.PodReady).Status == corev1.ConditionTrue {
				t.Error("it has started")
			}
			n.Troubles["node-1"] = Well
			n.Kubelet(webKey)
			if Condition(s.Pod(webKey), corev1.PodReady).Status != corev1.ConditionTrue {
				t.Errorf("it has not started: %+v", s.Pod(webKey).Status)
			}
		})
	}
}

func TestTheQueueHasEachRequestOnce(t *testing.T) {
	s := NewStore(t)
	q := NewQueue(s.Clock)
	a, b := reconcile.Request{NamespacedName: Key{Name: "a"}}, reconcile.Request{NamespacedName: Key{Name: "b"}}
	q.Add(a)
	q.Add(b)
	q.Add(a)
	if diff := cmp.Diff(2, len(q.Ready())); diff != "" {
		t.Errorf("ready (-want +got):\n%s", diff)
	}
	q.Finish(q.Take(0), reconcile.Result{RequeueAfter: time.Minute}, nil)
	if next, ok := q.Next(); !ok || !next.Equal(s.Now().Add(time.Minute)) {
		t.Errorf("next: %s", next)
	}
	s.Pass(time.Minute)
	if !slices.Contains(q.Ready(), a) {
		t.Error("what was due later is not due")
	}
}

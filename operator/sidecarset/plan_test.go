// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// rollout is a SidecarSet and the Pods it was injected into.
type rollout struct {
	t    *testing.T
	set  *v1beta1.SidecarSet
	pods []*corev1.Pod
	now  time.Time

	revisions []*appsv1.ControllerRevision
	lost      sets.Set[string]
	domains   map[string]string

	last         *v1beta1.SidecarSet
	lastCompiled *sidecar.Set
	// unserved is why no webhook serves the set's only namespace.
	unserved string
	// images is what is known of pulls of images.
	images Images
	// budgets are the PodDisruptionBudgets of namespace default.
	budgets []policyv1.PodDisruptionBudget
	// strays tells that the set does not match its Pods any more.
	strays bool
}

// newRollout injects the set's first version into n ready Pods, web-0 the oldest. A set without containers gets one,
// agent, at agent:1.
func newRollout(t *testing.T, n int, set *build.SidecarSetBuilder) *rollout {
	t.Helper()
	if len(set.Obj().Spec.Containers) == 0 {
		set.Container("agent", "agent:1")
	}
	w := &rollout{t: t, set: set.Obj(), now: build.Epoch.Add(time.Hour)}
	w.record()
	for i := range n {
		w.addPod(fmt.Sprintf("web-%d", i), time.Duration(i)*time.Minute)
	}
	return w
}

// compiled is the set, compiled once for each object: whoever changes it makes a copy first.
func (w *rollout) compiled() *sidecar.Set {
	w.t.Helper()
	if w.last == w.set {
		return w.lastCompiled
	}
	set, err := sidecar.Compile(w.set)
	if err != nil {
		w.t.Fatal(err)
	}
	w.last, w.lastCompiled = w.set, set
	return set
}

func (w *rollout) addPod(name string, age time.Duration) *corev1.Pod {
	w.t.Helper()
	pod := build.MakePod(name).Label("app", "web").Created(age).New().Obj()
	injection, err := sidecar.Inject(pod, []*sidecar.Set{w.compiled()}, metav1.NewTime(w.now))
	if err != nil {
		w.t.Fatal(err)
	}
	injection.Apply(pod)
	pod.Spec.NodeName = "node-1"
	build.RunContainers(pod)
	build.SetReady(pod, true, build.Epoch.Add(age))
	w.pods = append(w.pods, pod)
	return pod
}

// record keeps the set's version as a revision, as the operator does.
func (w *rollout) record() {
	w.t.Helper()
	plan, err := planRevisions(&Snapshot{Set: w.compiled(), Revisions: w.revisions})
	if err != nil {
		w.t.Fatal(err)
	}
	if plan.Create != nil {
		w.revisions = append(w.revisions, plan.Create)
	}
	w.set = w.set.DeepCopy()
	w.set.Status.LatestRevision = plan.Current
}

// image gives the set a new version.
func (w *rollout) image(image string) *rollout {
	w.set = w.set.DeepCopy()
	w.set.Spec.Containers[0].Image = image
	w.set.Generation++
	return w
}

// nativeImage changes the image of the first native sidecar.
func (w *rollout) nativeImage(image string) *rollout {
	w.set = w.set.DeepCopy()
	w.set.Spec.InitContainers[0].Image = image
	w.set.Generation++
	return w
}

func (w *rollout) snapshot() *Snapshot {
	s := &Snapshot{
		Now: w.now, Set: w.compiled(), Revisions: w.revisions, CanResize: true, LostNodes: w.lost, Domains: w.domains,
		Namespaces: NamespaceCount{All: 3, Selected: 3}, Unserved: w.unserved,
		Images: w.images, Kubelets: map[string]string{}, Disruption: w.disruption(),
	}
	s.Images.Now = w.now
	defer func() {
		if w.strays {
			s.Strays, s.Matched = s.Matched, nil
		}
	}()
	for _, pod := range w.pods {
		if pods.Ended(pod) {
			continue
		}
		if pod.DeletionTimestamp != nil {
			s.Beside = append(s.Beside, pod)
			continue
		}
		s.Kubelets[pod.Spec.NodeName] = "v1.36.1"
		view := sidecar.NewView(pod, s.Set)
		if view.Holds() {
			s.Matched = append(s.Matched, view)
		} else {
			s.Uninjected = append(s.Uninjected, whyUninjected(s.Set, pod, []*sidecar.Set{s.Set}, sidecar.Matching{}))
		}
	}
	return s
}

func (w *rollout) plan() *Plan {
	w.t.Helper()
	plan, err := makePlan(w.snapshot())
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

// carryOut does to the Pods what a plan says.
func carryOut(plan *Plan) {
	for _, u := range slices.Concat(plan.Updates, plan.Finishes) {
		for name, image := range u.Change.Images {
			pods.Find(u.View.Pod, name).Image = image
		}
		maps.Copy(u.View.Pod.Annotations, textsOf(u))
		u.View.Pod.Generation++
	}
}

// textsOf are all annotations that an update sets.
func textsOf(u UpdatePod) map[string]string {
	out := maps.Clone(u.Change.Records)
	if out == nil {
		out = map[string]string{}
	}
	for key, value := range u.Change.Annotations {
		out[key] = *value
	}
	return out
}

// decision is what a plan comes to, in short.
type decision struct {
	Update     []string
	Hold       Hold
	Held, Kept int
	// Waiting are the reasons for which Pods wait, and how many they are.
	Waiting string
	Limited []string
}

func decisionOf(plan *Plan) decision {
	d := decision{Hold: plan.Hold, Held: plan.Held, Kept: plan.Kept, Waiting: waitsOf(plan)}
	for _, u := range plan.Updates {
		d.Update = append(d.Update, u.View.Pod.Name)
	}
	for _, l := range plan.NotUpgradable {
		d.Limited = append(d.Limited, l.View.Pod.Name)
	}
	return d
}

// waitsOf are the reasons for which Pods wait, as the status has them.
func waitsOf(plan *Plan) string {
	var out []string
	for _, w := range listWaiting(plan) {
		out = append(out, fmt.Sprintf("%s %d", w.Reason, w.Pods))
	}
	return strings.Join(out, ", ")
}

func TestPlan(t *testing.T) {
	rolling := func() *build.SidecarSetBuilder { return build.MakeSidecarSet("s") }
	for name, test := range map[string]struct {
		rollout func(t *testing.T) *rollout
		want    decision
	}{
		"nothing to do when all Pods are up to date": {
			func(t *testing.T) *rollout { return newRollout(t, 3, rolling()) }, decision{},
		},
		"one Pod at a time by default, the one that became ready last first": {
			func(t *testing.T) *rollout { return newRollout(t, 3, rolling()).image("agent:2") },
			decision{Update: []string{"web-2"}, Waiting: "MaxUnavailable 2"},
		},
		"a percentage rounds up": {
			func(t *testing.T) *rollout { return newRollout(t, 5, rolling().MaxUnavailable("21%")).image("agent:2") },
			decision{Update: []string{"web-4", "web-3"}, Waiting: "MaxUnavailable 3"},
		},
		"maxUnavailable 0 lets no Pod go that serves": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 3, rolling().MaxUnavailable("0%")).image("agent:2")
				build.SetReady(w.pods[0], false, w.now)
				return w
			},
			decision{Update: []string{"web-0"}, Hold: HoldZero, Waiting: "MaxUnavailable 2"},
		},
		"a Pod that is not ready costs nothing and goes first": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 3, rolling())
				build.SetReady(w.pods[0], false, w.now)
				return w.image("agent:2")
			},
			decision{Update: []string{"web-0", "web-2"}, Waiting: "MaxUnavailable 1"},
		},
		"an updated Pod that has not come back uses up the budget": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 3, rolling()).image("agent:2")
				carryOut(w.plan())
				return w
			},
			decision{Waiting: "MaxUnavailable 2"},
		},
		"the next goes when the kubelet is done with the first": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 3, rolling()).image("agent:2")
				carryOut(w.plan())
				build.RunContainers(w.pods[2])
				return w
			},
			decision{Update: []string{"web-1"}, Waiting: "MaxUnavailable 1"},
		},
		"a new version while an update is in flight waits for it": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 3, rolling()).image("agent:2")
				carryOut(w.plan())
				return w.image("agent:3")
			},
			decision{Waiting: "InFlight 1, MaxUnavailable 2"},
		},
		"a Pod broken by the last version gets the next one at once, and no other does": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 3, rolling()).image("agent:bad")
				carryOut(w.plan())
				build.SetReady(w.pods[2], false, w.now)
				return w.image("agent:3")
			},
			decision{Update: []string{"web-2"}, Waiting: "MaxUnavailable 2"},
		},
		"a deleted Pod gives its share of the budget back": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 3, rolling()).image("agent:2")
				carryOut(w.plan())
				w.pods = w.pods[:2]
				return w
			},
			decision{Update: []string{"web-1"}, Waiting: "MaxUnavailable 1"},
		},
		"a paused rollout changes nothing": {
			func(t *testing.T) *rollout { return newRollout(t, 2, rolling().Paused()).image("agent:2") },
			decision{Hold: HoldPaused, Held: 2},
		},
		"NotUpdate changes nothing": {
			func(t *testing.T) *rollout {
				return newRollout(t, 2, rolling().Spec(func(s *v1beta1.SidecarSetSpec) {
					s.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
				})).image("agent:2")
			},
			decision{Hold: HoldNotUpdate, Held: 2},
		},
		"a partition keeps the last in order": {
			func(t *testing.T) *rollout {
				return newRollout(t, 3, rolling().Partition("2").MaxUnavailable("100%")).image("agent:2")
			},
			decision{Update: []string{"web-2"}, Kept: 2},
		},
		"a partition of less than 100 % lets at least one go": {
			func(t *testing.T) *rollout {
				return newRollout(t, 3, rolling().Partition("99%").MaxUnavailable("100%")).image("agent:2")
			},
			decision{Update: []string{"web-2"}, Kept: 2},
		},
		"the update's selector keeps what it does not pick": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 2, rolling().MaxUnavailable("100%").Spec(func(s *v1beta1.SidecarSetSpec) {
					s.UpdateStrategy.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"canary": "yes"}}
				}))
				w.pods[0].Labels["canary"] = "yes"
				return w.image("agent:2")
			},
			decision{Update: []string{"web-0"}, Kept: 1},
		},
		"what cannot change in place is left alone": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 2, rolling())
				w.set = w.set.DeepCopy()
				w.set.Spec.Containers[0].Args = []string{"-v"}
				return w
			},
			decision{Limited: []string{"web-0", "web-1"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := decisionOf(test.rollout(t).plan())
			slices.Sort(got.Limited)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func find(pods []*corev1.Pod, name string) *corev1.Pod {
	for _, pod := range pods {
		if pod.Name == name {
			return pod
		}
	}
	return nil
}

// What a Pod becomes by an update of images is what it would have been, had it been created with the new version.
func TestUpdatedEqualsInjectedAnew(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 11))
		builder := build.MakeSidecarSet("s")
		for i := range 1 + random.IntN(3) {
			builder.Container(fmt.Sprint("c", i), fmt.Sprint("c:", random.IntN(2)))
		}
		if random.IntN(2) == 0 {
			builder.NativeSidecar("mesh", "mesh:1")
		}
		before := builder.Obj()
		after := before.DeepCopy()
		for i := range after.Spec.Containers {
			after.Spec.Containers[i].Image = fmt.Sprint("c:", random.IntN(3))
		}
		compareUpdateWithInjection(t, before, after)
	}
}

func compareUpdateWithInjection(t *testing.T, before, after *v1beta1.SidecarSet) {
	t.Helper()
	now := metav1.NewTime(build.Epoch)
	injected := func(object *v1beta1.SidecarSet) (*sidecar.Set, *corev1.Pod) {
		set, err := sidecar.Compile(object)
		if err != nil {
			t.Fatal(err)
		}
		pod := build.MakePod("p").Label("app", "web").New().Obj()
		injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, now)
		if err != nil {
			t.Fatal(err)
		}
		injection.Apply(pod)
		return set, pod
	}
	_, updated := injected(before)
	set, anew := injected(after)
	change, err := set.Update(sidecar.NewView(updated, set), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	carryOut(&Plan{Updates: []UpdatePod{{View: sidecar.NewView(updated, set), Change: change}}})
	updated.Generation--
	delete(updated.Annotations, v1beta1.SidecarSetInPlaceUpdateStateAnnotation)
	if diff := cmp.Diff(anew, updated); diff != "" {
		t.Fatalf("the Pod (-injected anew +updated):\n%s", diff)
	}
}

func orderOf(strategy v1beta1.SidecarSetUpdateStrategy, pods ...*corev1.Pod) []string {
	set, err := sidecar.Compile(build.MakeSidecarSet("s").Obj())
	if err != nil {
		panic(err)
	}
	var candidates []*candidate
	for _, pod := range pods {
		candidates = append(candidates, &candidate{View: sidecar.NewView(pod, set)})
	}
	var out []string
	for _, c := range order(&strategy, candidates) {
		out = append(out, c.Pod.Name)
	}
	return out
}

func TestPriorityAndScatter(t *testing.T) {
	pod := func(name string, labels ...string) *corev1.Pod {
		b := build.MakePod(name)
		for i := 0; i < len(labels); i += 2 {
			b.Label(labels[i], labels[i+1])
		}
		return b.Obj()
	}
	weights := &v1beta1.UpdatePriorityStrategy{WeightPriority: []v1beta1.UpdatePriorityWeightTerm{
		{Weight: 50, MatchSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "test"}}},
		{Weight: 30, MatchSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "dev"}}},
		{Weight: 30, MatchSelector: metav1.LabelSelector{MatchLabels: map[string]string{"zone": "a"}}},
	}}
	labels := &v1beta1.UpdatePriorityStrategy{OrderPriority: []v1beta1.UpdatePriorityOrderTerm{{OrderedKey: "first"}, {OrderedKey: "second"}}}
	for name, test := range map[string]struct {
		strategy v1beta1.SidecarSetUpdateStrategy
		pods     []*corev1.Pod
		want     []string
	}{
		"weights add up, the largest sum goes first": {
			v1beta1.SidecarSetUpdateStrategy{PriorityStrategy: weights},
			[]*corev1.Pod{pod("none"), pod("test", "tier", "test"), pod("dev-a", "tier", "dev", "zone", "a"), pod("zone", "zone", "a")},
			[]string{"dev-a", "test", "zone", "none"},
		},
		"by the first label that a Pod has, then by the number at its end, without a label last": {
			v1beta1.SidecarSetUpdateStrategy{PriorityStrategy: labels},
			[]*corev1.Pod{pod("none"), pod("second-9", "second", "x-9"), pod("first-2", "first", "x-2"), pod("first-10", "first", "x-10"), pod("first-word", "first", "x")},
			[]string{"first-10", "first-2", "first-word", "second-9", "none"},
		},
		"matching Pods are spread, the last of them comes last": {
			v1beta1.SidecarSetUpdateStrategy{ScatterStrategy: v1beta1.UpdateScatterStrategy{{Key: "hot", Value: "yes"}}},
			[]*corev1.Pod{pod("a"), pod("b"), pod("c"), pod("d"), pod("h1", "hot", "yes"), pod("h2", "hot", "yes")},
			[]string{"a", "b", "h1", "c", "d", "h2"},
		},
		"a star stands for every value": {
			v1beta1.SidecarSetUpdateStrategy{ScatterStrategy: v1beta1.UpdateScatterStrategy{{Key: "zone", Value: "*"}}},
			[]*corev1.Pod{pod("a1", "zone", "a"), pod("a2", "zone", "a"), pod("a3", "zone", "a"), pod("b1", "zone", "b")},
			[]string{"a1", "a2", "b1", "a3"},
		},
		"all match": {
			v1beta1.SidecarSetUpdateStrategy{ScatterStrategy: v1beta1.UpdateScatterStrategy{{Key: "zone", Value: "a"}}},
			[]*corev1.Pod{pod("a1", "zone", "a"), pod("a2", "zone", "a")},
			[]string{"a1", "a2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, orderOf(test.strategy, test.pods...)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	pod := func(name string) *build.PodBuilder { return build.MakePod(name).Created(0).ReadySince(0) }
	restarted := pod("restarted").Obj()
	restarted.Status.ContainerStatuses[0].RestartCount = 3
	unassigned := pod("unassigned").Obj()
	unassigned.Spec.NodeName = ""
	pending := pod("pending").Obj()
	pending.Status.Phase = corev1.PodPending
	pods := []*corev1.Pod{
		pod("b-oldest").Created(-time.Hour).Obj(),
		pod("a-oldest").Created(-time.Hour).Obj(),
		pod("newest").Created(time.Hour).Obj(),
		restarted,
		pod("ready-lately").ReadySince(time.Hour).Obj(),
		pod("not-ready").NotReady().Obj(),
		pending,
		unassigned,
	}
	got := orderOf(v1beta1.SidecarSetUpdateStrategy{}, pods...)
	want := []string{"unassigned", "pending", "not-ready", "ready-lately", "restarted", "newest", "a-oldest", "b-oldest"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestCountsAreResolvedAgainstMatchedPods(t *testing.T) {
	for name, test := range map[string]struct {
		resolve func(*intstr.IntOrString, int) int
		value   string
		matched int
		want    int
	}{
		"maxUnavailable: a number is itself":                  {maxUnavailable, "3", 10, 3},
		"maxUnavailable: a percentage rounds up":              {maxUnavailable, "1%", 10, 1},
		"maxUnavailable: 0% is none":                          {maxUnavailable, "0%", 10, 0},
		"partition: a number is itself":                       {partition, "3", 10, 3},
		"partition: no more than there are":                   {partition, "30", 10, 10},
		"partition: a percentage rounds up":                   {partition, "21%", 10, 3},
		"partition: 100% keeps all":                           {partition, "100%", 10, 10},
		"partition: 99% of several lets one go":               {partition, "99%", 10, 9},
		"partition: 99% of a single Pod keeps it":             {partition, "99%", 1, 1},
		"partition: what cannot be read keeps all":            {partition, "many", 10, 10},
		"maxUnavailable: what cannot be read lets one Pod go": {maxUnavailable, "many", 10, 1},
	} {
		t.Run(name, func(t *testing.T) {
			value := intstr.Parse(test.value)
			if got := test.resolve(&value, test.matched); got != test.want {
				t.Errorf("%s of %d = %d, want %d", test.value, test.matched, got, test.want)
			}
		})
	}
}

// bare adds a Pod of a ReplicaSet that has no sidecars.
func (w *rollout) bare(name string) *corev1.Pod {
	pod := build.MakePod(name).Label("app", "web").Created(-time.Hour).Obj()
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "rs", Controller: ptr.To(true)}}
	w.pods = append(w.pods, pod)
	return pod
}

func TestEvictionsAndUpdatesShareOneBudget(t *testing.T) {
	w := newRollout(t, 3, build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.RepairPolicy = v1beta1.RepairRecreate })).image("agent:2")
	w.bare("bare")
	plan := w.plan()
	if got := len(evicted(plan)) + len(plan.Updates); got != 1 {
		t.Errorf("%v are evicted and %d updated in one plan, maxUnavailable is 1", evicted(plan), len(plan.Updates))
	}
}

// The cache shows a Pod that was written to a moment ago as one that serves still.
func TestNobodyIsEvictedWhileAnUpdatedPodIsAboutToRestart(t *testing.T) {
	for name, created := range map[string]time.Time{
		"as it helps":            build.Epoch.Add(-time.Hour),
		"to see whether it does": build.Epoch.Add(30 * time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 2, repairing()).image("agent:2")
			carryOut(w.plan())
			w.bare("bare").CreationTimestamp = metav1.NewTime(created)
			if plan := w.plan(); len(evicted(plan)) > 0 {
				t.Errorf("%v are evicted while one Pod is about to restart, maxUnavailable is 1", evicted(plan))
			}
		})
	}
}

// Updates of Pods that do not serve may begin many hot upgrades at once; their ends restart serving Pods, and so are spaced out.
func TestEndsOfHotUpgradesKeepToMaxUnavailable(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	w := newRollout(t, 5, set)
	for _, pod := range w.pods {
		build.SetReady(pod, false, w.now)
	}
	w.image("agent:2")
	plan := w.plan()
	if len(plan.Updates) != 5 {
		t.Fatalf("%d updates of Pods that do not serve, want 5", len(plan.Updates))
	}
	carryOut(plan)
	for _, pod := range w.pods {
		build.RunContainers(pod)
		build.SetReady(pod, true, w.now)
	}
	if plan := w.plan(); len(plan.Finishes) != 1 {
		t.Errorf("%d hot upgrades end at once, maxUnavailable is 1", len(plan.Finishes))
	}
}

// The end of a hot upgrade of a Pod that does not serve costs nothing, as long as it does not serve still.
func TestTheEndOfAHotUpgradeOfAPodThatDoesNotServeHasToFindItSo(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	w := newRollout(t, 1, set).image("agent:2")
	for _, ready := range []bool{true, false} {
		carryOut(w.plan())
		build.RunContainers(w.pods[0])
		build.SetReady(w.pods[0], ready, w.now)
	}
	w.image("agent:3")
	carryOut(w.plan())
	build.RunContainers(w.pods[0])
	plan := w.plan()
	if len(plan.Finishes) != 1 || !plan.Finishes[0].NotServing {
		t.Errorf("ends of hot upgrades: %+v", plan.Finishes)
	}
}

// What the empty image is called matters to new Pods only.
func TestAnotherEmptyImageDoesNotHoldUpARollout(t *testing.T) {
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
	}
	w := newRollout(t, 2, set).image("agent:2")
	for range 10 {
		carryOut(w.plan())
		for _, pod := range w.pods {
			build.RunContainers(pod)
		}
	}
	w.image("agent:2")
	w.set.Spec.Containers[0].UpgradeStrategy.HotUpgradeEmptyImage = "empty:2"
	w.record()
	w.addPod("new", time.Hour)
	w.image("agent:3")
	plan := w.plan()
	if len(plan.Updates) != 1 || plan.Updates[0].View.Pod.Name != "new" {
		t.Errorf("%d updates, hold %q; want the new Pod's", len(plan.Updates), plan.Hold)
	}
}

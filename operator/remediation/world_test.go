// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/scheduling"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/program"
)

// ail is what is wrong with a node.
type ail string

const (
	well     ail = ""
	noPull   ail = "NoPull"
	noTake   ail = "Refuses"
	trickles ail = "Trickles"
	noPods   ail = "NoSandbox"
)

// world is a cluster in small: sets whose Pods are made, scheduled, patched by a webhook and run by kubelets, in steps
// of some seconds. All that the operator does goes through a store that refuses, forgets and kills as it is told.
type world struct {
	t      *testing.T
	clock  *clocktesting.FakePassiveClock
	store  client.Client
	random *rand.Rand
	sets   []*v1beta1.StatefulSet
	nodes  map[string]ail
	// brokenImages cannot be pulled from anywhere, crashing ones do not run long.
	brokenImages, crashing map[string]bool
	// served are the SchedPatches as the webhooks know them, and down means that they do not answer.
	served map[types.NamespacedName]*v1alpha1.SchedPatch
	down   bool
	// lag keeps the webhooks from learning anything new.
	lag bool
	// karpenter means that its API is served.
	karpenter bool
	// spread lets no two Pods of a set run on one node.
	spread bool
	// lucky lets the scheduler prefer nodes that are well.
	lucky bool
	// kill ends the operator at the write of this number, before or after it.
	kill, writes int
	killAfter    bool
	// refuse makes the store refuse every write that is not a deletion.
	refuse bool
	// protected are sets whose Pods a policy forbids to delete.
	protected map[string]bool
	// stale lets the set's controller tell what was true a step ago.
	stale    bool
	lastSeen map[string]*Input

	operator  *Remediator
	deletions []deleted
	results   map[string]*Result
	made      int
	// pv are the nodes that Pods have volumes on.
	pv map[string]string
	// resets counts how often a person deleted a set's SchedPatch.
	resets map[string]int
	// replacedOnce are Pods, by name and epoch, that have come to something.
	replacedOnce map[string]bool
}

// deleted is a Pod that the operator deleted.
type deleted struct {
	set     string
	pod     string
	uid     types.UID
	node    string
	ordinal int
	at      time.Time
	epoch   string
}

var errKilled = errors.New("the operator was killed")

func newWorld(t *testing.T, seed uint64, nodes ...string) *world {
	w := &world{
		t: t, clock: clocktesting.NewFakePassiveClock(build.Epoch), random: rand.New(rand.NewPCG(seed, seed)),
		store: fake.NewClientBuilder().WithScheme(program.Scheme()).WithStatusSubresource(&corev1.Pod{}).Build(),
		nodes: map[string]ail{}, brokenImages: map[string]bool{}, protected: map[string]bool{}, crashing: map[string]bool{},
		served: map[types.NamespacedName]*v1alpha1.SchedPatch{}, lastSeen: map[string]*Input{}, results: map[string]*Result{}, pv: map[string]string{}, resets: map[string]int{}, replacedOnce: map[string]bool{},
	}
	w.must(w.store.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}))
	for _, name := range nodes {
		w.nodes[name] = well
		w.must(w.store.Create(t.Context(), makeNode(name)))
	}
	w.restart()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// add adds a StatefulSet with auto remediation.
func (w *world) add(name string, replicas int32, change ...func(*v1beta1.StatefulSet)) *v1beta1.StatefulSet {
	set := build.MakeStatefulSet(name).Parallel().Replicas(replicas).Obj()
	set.Spec.AutoRemediation = &v1beta1.AutoRemediation{Enabled: true}
	for _, c := range change {
		c(set)
	}
	w.must(w.store.Create(w.t.Context(), set.DeepCopy()))
	w.sets = append(w.sets, set)
	return set
}

// restart starts the operator with no memory.
func (w *world) restart() {
	w.operator = &Remediator{
		gatherer: gatherer{reader: w.store, live: w.store, mapper: worldMapper{w: w}, clock: w.clock, home: "windlass-system"},
		executor: executor{writer: worldWriter{w}, home: "windlass-system"},
		asker:    worldAsker{w},
		recorder: newRecorder(&events.FakeRecorder{}),
	}
}

// worldMapper knows Karpenter's API if it is served.
type worldMapper struct {
	meta.RESTMapper

	w *world
}

func (m worldMapper) RESTMapping(kind schema.GroupKind, _ ...string) (*meta.RESTMapping, error) {
	if m.w.karpenter {
		return &meta.RESTMapping{}, nil
	}
	return nil, &meta.NoKindMatchError{GroupKind: kind}
}

// run lets some time pass, in long steps if it is much.
func (w *world) run(during time.Duration) {
	w.t.Helper()
	span := 10 * time.Second
	if during > 2*time.Hour {
		span = 5 * time.Minute
	} else if len(w.nodes) > 10 {
		span = 30 * time.Second
	}
	for end := w.clock.Now().Add(during); w.clock.Now().Before(end); {
		w.step(span)
	}
}

// step lets everybody act once, and then some time pass.
func (w *world) step(span time.Duration) {
	w.t.Helper()
	if !w.lag && !w.down {
		w.learn()
	}
	for _, set := range w.sets {
		if w.look(set) {
			w.control(set)
		}
	}
	w.schedule()
	w.kubelets()
	w.note()
	w.clock.SetTime(w.clock.Now().Add(span))
}

// note remembers which Pods serve, are stuck or crash: those have come to something.
func (w *world) note() {
	for _, set := range w.sets {
		for _, pod := range w.input(set).Pods {
			e := classify(pod.Pod)
			if e.kind == hasStarted || e.kind == nodeRefused || e.kind == ambiguous && w.clock.Since(e.since.Time) >= 290*time.Second {
				w.replacedOnce[pod.Name+w.epoch(set.Name)] = true
			}
		}
	}
}

// look lets the operator look, and reports whether it has survived that.
func (w *world) look(set *v1beta1.StatefulSet) bool {
	w.t.Helper()
	input := w.input(set)
	if last := w.lastSeen[set.Name]; w.stale && last != nil {
		input, w.lastSeen[set.Name] = last, input
	} else {
		w.lastSeen[set.Name] = input
	}
	result, err := w.operator.Remediate(logr.NewContext(w.t.Context(), logr.Discard()), input)
	if err != nil {
		w.t.Fatalf("look at %s: %v", set.Name, err)
	}
	if w.kill < 0 {
		w.kill = 0
		w.restart()
		return false
	}
	w.results[set.Name] = result
	if result != nil && result.Condition != nil {
		set.Status.Conditions = nil
		meta.SetStatusCondition(&set.Status.Conditions, metav1.Condition{
			Type: v1beta1.ConditionRemediating, Status: result.Condition.Status, Reason: result.Condition.Reason,
		})
	}
	return true
}

// input are what the set's controller would tell.
func (w *world) input(set *v1beta1.StatefulSet) *Input {
	input := &Input{Set: set, Revisions: []string{w.revision(set)}}
	byName := w.pods(set)
	for ordinal := range int(*set.Spec.Replicas) {
		input.Ordinals = append(input.Ordinals, ordinal)
		pod := byName[fmt.Sprintf("%s-%d", set.Name, ordinal)]
		if pod == nil {
			continue
		}
		input.Pods = append(input.Pods, Pod{
			Pod: pod, Ordinal: ordinal, Revision: pod.Labels["revision"], Right: pod.Labels["revision"] == w.revision(set),
			Ready: pods.IsTrue(pods.Condition(pod, corev1.PodReady)),
		})
	}
	return input
}

func (w *world) revision(set *v1beta1.StatefulSet) string {
	return set.Name + "@" + set.Spec.Template.Spec.Containers[0].Image
}

func (w *world) pods(set *v1beta1.StatefulSet) map[string]*corev1.Pod {
	list := &corev1.PodList{}
	w.must(w.store.List(w.t.Context(), list, client.InNamespace(set.Namespace), client.MatchingLabels{"set": set.Name}))
	out := map[string]*corev1.Pod{}
	for i := range list.Items {
		out[list.Items[i].Name] = &list.Items[i]
	}
	return out
}

// control makes Pods as the set's controller does, and recreates those that have ended and that nobody holds. A Pod at
// an earlier revision that cannot run goes.
func (w *world) control(set *v1beta1.StatefulSet) {
	byName := w.pods(set)
	for ordinal := range int(*set.Spec.Replicas) {
		name := fmt.Sprintf("%s-%d", set.Name, ordinal)
		pod := byName[name]
		if pod != nil {
			started, _ := starts(pod, "")
			ended := pod.Status.Phase == corev1.PodFailed && !w.results[set.Name].Holds(pod)
			if ended || !started && pod.Labels["revision"] != w.revision(set) {
				w.must(w.store.Delete(w.t.Context(), pod))
			}
			if !started && set.Spec.PodManagementPolicy == "OrderedReady" {
				return
			}
			continue
		}
		w.create(set, name)
		if set.Spec.PodManagementPolicy == "OrderedReady" {
			return
		}
	}
}

// create makes a Pod, patched by the webhook if that answers.
func (w *world) create(set *v1beta1.StatefulSet, name string) {
	w.made++
	pod := build.MakePod(name).New().Label("set", set.Name).Label("revision", w.revision(set)).Obj()
	pod.UID, pod.CreationTimestamp = types.UID(fmt.Sprintf("%s-%d", name, w.made)), metav1.NewTime(w.clock.Now())
	pod.Spec.Containers = set.Spec.Template.DeepCopy().Spec.Containers
	if w.pv[name] != "" {
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-" + name},
		}}}
	}
	patch := w.served[types.NamespacedName{Namespace: set.Namespace, Name: PatchName(set.Name)}]
	if patch != nil && !w.down {
		if compiled, err := schedpatch.Compile(patch); err == nil && compiled.ActiveAt(metav1.NewTime(w.clock.Now())) {
			merged, results := schedpatch.Merge(schedpatch.RulesOf(&pod.Spec), []*schedpatch.Patch{compiled})
			pod.Spec.Affinity = merged.Affinity
			annotation, _ := schedpatch.Marks(nil, results)
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, v1beta1.SchedPatchesAnnotation, annotation)
		}
	}
	w.must(w.store.Create(w.t.Context(), pod))
}

// learn shows the webhooks all SchedPatches as they are.
func (w *world) learn() {
	list := &v1alpha1.SchedPatchList{}
	w.must(w.store.List(w.t.Context(), list))
	w.served = map[types.NamespacedName]*v1alpha1.SchedPatch{}
	for i := range list.Items {
		w.served[client.ObjectKeyFromObject(&list.Items[i])] = &list.Items[i]
	}
}

// schedule puts Pods on nodes.
func (w *world) schedule() {
	list := &corev1.PodList{}
	w.must(w.store.List(w.t.Context(), list))
	for i := range list.Items {
		pod := &list.Items[i]
		if pod.Spec.NodeName != "" {
			continue
		}
		before := pod.Status.DeepCopy()
		if names := w.allowed(pod); len(names) > 0 {
			pod.Spec.NodeName = names[0]
			w.must(w.store.Update(w.t.Context(), pod))
			w.condition(pod, corev1.PodScheduled, corev1.ConditionTrue, "")
		} else {
			w.condition(pod, corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable)
		}
		w.update(pod, before)
	}
}

func (w *world) allowed(pod *corev1.Pod) []string {
	allows := scheduling.Allows(pod.Spec.NodeSelector, pod.Spec.Affinity, pod.Spec.Tolerations)
	all := w.allNodes()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(n string) bool { return !usable(all[n]) || !allows(all[n]) })
	if pinned := w.pv[pod.Name]; pinned != "" {
		names = slices.DeleteFunc(names, func(n string) bool { return n != pinned })
	}
	if w.spread {
		for _, other := range w.pods(&v1beta1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Labels["set"]}}) {
			names = slices.DeleteFunc(names, func(n string) bool { return n == other.Spec.NodeName })
		}
	}
	rank := w.ranks()
	if affinity := pod.Spec.Affinity; affinity != nil && affinity.NodeAffinity != nil {
		terms, err := nodeaffinity.NewPreferredSchedulingTerms(affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
		w.must(err)
		for _, name := range names {
			rank[name] -= int(terms.Score(all[name]))
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank[a] - rank[b] })
	return names
}

// ranks are how eager the scheduler is to use the nodes, the lowest first: the emptier the better, and sick ones before
// others, which is the worst case.
func (w *world) ranks() map[string]int {
	list := &corev1.PodList{}
	w.must(w.store.List(w.t.Context(), list))
	ranks := map[string]int{}
	for i := range list.Items {
		ranks[list.Items[i].Spec.NodeName] += 2
	}
	for name, sick := range w.nodes {
		switch {
		case sick != well && w.lucky:
			ranks[name]++
		case sick != well:
			ranks[name]--
		}
	}
	return ranks
}

func (w *world) allNodes() map[string]*corev1.Node {
	list := &corev1.NodeList{}
	w.must(w.store.List(w.t.Context(), list))
	out := map[string]*corev1.Node{}
	for i := range list.Items {
		out[list.Items[i].Name] = &list.Items[i]
	}
	return out
}

// kubelets run what they can.
func (w *world) kubelets() {
	list := &corev1.PodList{}
	w.must(w.store.List(w.t.Context(), list))
	for i := range list.Items {
		pod := &list.Items[i]
		if started, _ := starts(pod, ""); started || pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		before := pod.Status.DeepCopy()
		w.runPod(pod)
		w.update(pod, before)
	}
}

// update writes a Pod's status if it has changed.
func (w *world) update(pod *corev1.Pod, before *corev1.PodStatus) {
	if !equality.Semantic.DeepEqual(before, &pod.Status) {
		w.must(w.store.Status().Update(w.t.Context(), pod))
	}
}

func (w *world) runPod(pod *corev1.Pod) {
	image, sick := pod.Spec.Containers[0].Image, w.nodes[pod.Spec.NodeName]
	w.condition(pod, corev1.PodReady, corev1.ConditionFalse, "")
	sandbox := corev1.ConditionTrue
	if sick == noPods {
		sandbox = corev1.ConditionFalse
	}
	w.condition(pod, corev1.PodReadyToStartContainers, sandbox, "")
	pod.Status.Phase = corev1.PodPending
	status := corev1.ContainerStatus{Name: "app", Image: image}
	wait := func(reason string) { status.State.Waiting = &corev1.ContainerStateWaiting{Reason: reason} }
	switch {
	case sick == noTake:
		pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, "UnexpectedAdmissionError"
	case sick == noPods, sick == trickles:
		wait("ContainerCreating")
	case sick == noPull, w.brokenImages[image]:
		wait("ImagePullBackOff")
	case w.crashing[image]:
		wait("CrashLoopBackOff")
		status.RestartCount = 1
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", StartedAt: metav1.NewTime(w.clock.Now())}
	default:
		pod.Status.Phase = corev1.PodRunning
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(w.clock.Now())}
		w.condition(pod, corev1.PodReady, corev1.ConditionTrue, "")
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
}

func (w *world) condition(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) {
	c := pods.Condition(pod, kind)
	if c == nil {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind})
		c = &pod.Status.Conditions[len(pod.Status.Conditions)-1]
	}
	if c.Status != status {
		c.Status, c.Reason, c.LastTransitionTime = status, reason, metav1.NewTime(w.clock.Now())
	}
}

// worldAsker answers as the webhooks would.
type worldAsker struct{ w *world }

func (a worldAsker) Ask(_ context.Context, patch *v1alpha1.SchedPatch) *Answer {
	answer := &Answer{UID: patch.UID, Generation: patch.Generation}
	known := a.w.served[client.ObjectKeyFromObject(patch)]
	if a.w.down || known == nil || known.UID != patch.UID || known.Generation != patch.Generation {
		answer.Missing = "a replica does not serve it"
	}
	return answer
}

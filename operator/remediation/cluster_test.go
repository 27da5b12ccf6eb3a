// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/loop"
)

// simulation is a world with sets whose Pods are made and patched by a webhook, in steps of some seconds. All that the
// operator does goes through a client that refuses, forgets and kills as it is told.
type simulation struct {
	*world.Nodes
	random *rand.Rand
	sets   []*v1beta1.StatefulSet
	// served are the SchedPatches as the webhooks know them, and down means that they do not answer.
	served map[types.NamespacedName]*v1alpha1.SchedPatch
	down   bool
	// lag keeps the webhooks from learning anything new.
	lag bool
	// mapper knows Karpenter's API, but for its error.
	mapper *mapper
	// spread lets no two Pods of a set run on one node.
	spread bool
	// kill ends the operator at the write of this number, before or after it.
	kill, writes int
	killAfter    bool
	// refuse makes the API server refuse every write that is not a deletion.
	refuse bool
	// protected are sets whose Pods a policy forbids to delete.
	protected map[string]bool
	// stale lets the set's controller tell what was true a step ago.
	stale    bool
	lastSeen map[string]*Input

	operator  *Remediator
	deletions []deleted
	results   map[string]*Result
	// images counts those that were made up.
	images int
	// resets counts how often a person deleted a set's SchedPatch.
	resets map[string]int
	// replacedOnce are Pods, by name and epoch, that have come to something.
	replacedOnce map[string]bool
}

// deleted is a Pod that the operator deleted.
type deleted struct {
	set     string
	pod     string
	node    string
	ordinal int
	at      time.Time
	epoch   string
}

var errKilled = errors.New("the operator was killed")

func newSimulation(t *testing.T, seed uint64, nodes ...string) *simulation {
	w := &simulation{
		Nodes: world.NewNodes(world.NewStore(t)), random: rand.New(rand.NewPCG(seed, seed)),
		mapper: &mapper{err: &meta.NoKindMatchError{}}, protected: map[string]bool{}, lastSeen: map[string]*Input{}, results: map[string]*Result{},
		resets: map[string]int{}, replacedOnce: map[string]bool{},
	}
	w.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}})
	for _, name := range nodes {
		w.Troubles[name] = world.Well
		w.Add(makeNode(name))
	}
	w.restart()
	return w
}

func (w *simulation) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// add adds a StatefulSet with auto remediation.
func (w *simulation) add(name string, replicas int32, change ...func(*v1beta1.StatefulSet)) *v1beta1.StatefulSet {
	set := build.MakeStatefulSet(name).Parallel().Replicas(replicas).Obj()
	set.Spec.AutoRemediation = &v1beta1.AutoRemediation{Enabled: true}
	for _, c := range change {
		c(set)
	}
	w.Add(set.DeepCopy())
	w.sets = append(w.sets, set)
	return set
}

// restart starts the operator with no memory.
func (w *simulation) restart() {
	writer := &world.Client{
		Store: w.Store, Reader: w.Live(), Fault: w.fault, Policy: w.policy, Wrote: w.wrote, Answer: w.answer,
		Exact: map[string]bool{world.Pod: true},
	}
	w.operator = New(loop.Cluster{
		Client: writer, Live: w.Live(), Mapper: w.mapper, Clock: w.Clock, Recorder: &events.FakeRecorder{},
	}, Options{Asker: w, Namespace: "windlass-system"})
}

// run lets some time pass, in long steps if it is much.
func (w *simulation) run(during time.Duration) {
	w.T.Helper()
	span := 10 * time.Second
	if during > 2*time.Hour {
		span = 5 * time.Minute
	} else if len(w.Troubles) > 10 {
		span = 30 * time.Second
	}
	for end := w.Now().Add(during); w.Now().Before(end); {
		w.step(span)
	}
}

// step lets everybody act once, and then some time pass.
func (w *simulation) step(span time.Duration) {
	w.T.Helper()
	if !w.lag && !w.down {
		w.learn()
	}
	for _, set := range w.sets {
		if w.look(set) {
			w.stop()
			w.control(set)
		}
	}
	w.kubelets() // which schedule
	w.kubelets()
	w.note()
	w.Pass(span)
}

// stop ends all Pods that are being deleted: a step is longer than they need to.
func (w *simulation) stop() {
	for _, pod := range w.Pods() {
		if pod.DeletionTimestamp != nil {
			w.Kubelet(client.ObjectKeyFromObject(pod))
		}
	}
}

// kubelets take all Pods one step on that have not started.
func (w *simulation) kubelets() {
	for _, pod := range w.Pods() {
		if started, _ := starts(pod, ""); !started {
			w.Kubelet(client.ObjectKeyFromObject(pod))
		}
	}
}

// note remembers which Pods serve, are stuck or crash: those have come to something.
func (w *simulation) note() {
	for _, set := range w.sets {
		for _, pod := range w.input(set).Pods {
			e := classify(&pod)
			if e.kind == hasStarted || e.kind == nodeRefused || e.kind == ambiguous && w.Clock.Since(e.since.Time) >= 290*time.Second {
				w.replacedOnce[pod.Name+w.epoch(set.Name)] = true
			}
		}
	}
}

// look lets the operator look, and reports whether it has survived that.
func (w *simulation) look(set *v1beta1.StatefulSet) bool {
	w.T.Helper()
	input := w.input(set)
	if last := w.lastSeen[set.Name]; w.stale && last != nil {
		input, w.lastSeen[set.Name] = last, input
	} else {
		w.lastSeen[set.Name] = input
	}
	result, err := w.operator.Remediate(logr.NewContext(w.T.Context(), logr.Discard()), input)
	if err != nil {
		w.T.Fatalf("look at %s: %v", set.Name, err)
	}
	if w.kill > 0 && w.writes >= w.kill {
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
func (w *simulation) input(set *v1beta1.StatefulSet) *Input {
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

func (w *simulation) revision(set *v1beta1.StatefulSet) string {
	return set.Name + "@" + set.Spec.Template.Spec.Containers[0].Image
}

func (w *simulation) pods(set *v1beta1.StatefulSet) map[string]*corev1.Pod {
	out := map[string]*corev1.Pod{}
	for _, pod := range w.Pods() {
		if pod.Namespace == set.Namespace && pod.Labels["set"] == set.Name {
			out[pod.Name] = pod
		}
	}
	return out
}

// control makes Pods as the set's controller does, and recreates those that have ended and that nobody holds. A Pod at
// an earlier revision that cannot run goes.
func (w *simulation) control(set *v1beta1.StatefulSet) {
	byName := w.pods(set)
	for ordinal := range int(*set.Spec.Replicas) {
		name := fmt.Sprintf("%s-%d", set.Name, ordinal)
		pod := byName[name]
		if pod != nil {
			started, _ := starts(pod, "")
			ended := pod.Status.Phase == corev1.PodFailed && !w.results[set.Name].Holds(pod)
			if ended || !started && pod.Labels["revision"] != w.revision(set) {
				w.Delete(world.Pod, client.ObjectKeyFromObject(pod))
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
func (w *simulation) create(set *v1beta1.StatefulSet, name string) {
	pod := build.MakePod(name).New().Label("set", set.Name).Label("revision", w.revision(set)).Obj()
	pod.UID, pod.CreationTimestamp, pod.Status.Phase = "", metav1.Time{}, corev1.PodPending
	pod.Spec.Containers = set.Spec.Template.DeepCopy().Spec.Containers
	claim := types.NamespacedName{Namespace: set.Namespace, Name: "data-" + name}
	if world.Get[*corev1.PersistentVolumeClaim](w.Store, world.Claim, claim) != nil {
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name},
		}}}
	}
	if w.spread {
		pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"set": set.Name}}, TopologyKey: corev1.LabelHostname,
			}},
		}}
	}
	w.admit(pod)
	w.Add(pod)
}

// admit lets the webhook patch a new Pod.
func (w *simulation) admit(pod *corev1.Pod) {
	patch := w.served[types.NamespacedName{Namespace: pod.Namespace, Name: PatchName(pod.Labels["set"])}]
	if patch == nil || w.down {
		return
	}
	compiled, err := schedpatch.Compile(patch)
	if err != nil || !compiled.ActiveAt(metav1.NewTime(w.Now())) {
		return
	}
	merged, results := schedpatch.Merge(schedpatch.RulesOf(&pod.Spec), []*schedpatch.Patch{compiled})
	pod.Spec.Affinity = merged.Affinity
	annotation, _ := schedpatch.Marks(nil, results)
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, v1beta1.SchedPatchesAnnotation, annotation)
}

// learn shows the webhooks all SchedPatches as they are.
func (w *simulation) learn() {
	w.served = map[types.NamespacedName]*v1alpha1.SchedPatch{}
	for _, patch := range world.All[*v1alpha1.SchedPatch](w.Store, world.SchedPatch) {
		w.served[client.ObjectKeyFromObject(patch)] = patch
	}
}

// Ask answers as the webhooks would.
func (w *simulation) Ask(_ context.Context, patch *v1alpha1.SchedPatch) *Answer {
	answer := &Answer{UID: patch.UID, Generation: patch.Generation}
	known := w.served[client.ObjectKeyFromObject(patch)]
	if w.down || known == nil || known.UID != patch.UID || known.Generation != patch.Generation {
		answer.Missing = "a replica does not serve it"
	}
	return answer
}

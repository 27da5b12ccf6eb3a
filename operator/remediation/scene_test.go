// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
)

const (
	// revision is the one that Pods should have.
	revision = "web-1"
	image    = "app:1"
)

// scene is a set web with auto remediation at build.Epoch, what it has seen and done, and the cluster around it.
type scene struct {
	snapshot *Snapshot
}

// newScene has nodes with these names and no Pods.
func newScene(nodes ...string) *scene {
	set := build.MakeStatefulSet("web").Parallel().Obj()
	set.Spec.AutoRemediation = &v1beta1.AutoRemediation{Enabled: true}
	sc := &scene{&Snapshot{
		Input:           Input{Set: set, Revisions: []string{revision}},
		Now:             build.Epoch,
		Nodes:           map[string]*corev1.Node{},
		Details:         map[types.UID]*Details{},
		NamespaceServed: true,
	}}
	for _, name := range nodes {
		sc.snapshot.Nodes[name] = makeNode(name)
	}
	return sc
}

// manyNodes are named n1, n2, ...
func manyNodes(count int) (names []string) {
	for i := range count {
		names = append(names, fmt.Sprintf("n%d", i+1))
	}
	return names
}

// makeNode makes a Node that is Ready. Its hostname is not its name.
func makeNode(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name + "-uid"), Labels: map[string]string{corev1.LabelHostname: name + ".example"}},
		Status: corev1.NodeStatus{
			NodeInfo:   corev1.NodeSystemInfo{BootID: name + "-boot"},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

// settings changes what the set asks for.
func (sc *scene) settings(change func(*v1beta1.AutoRemediation)) *scene {
	change(sc.snapshot.Set.Spec.AutoRemediation)
	return sc
}

// node changes a Node.
func (sc *scene) node(name string, change func(*corev1.Node)) *scene {
	change(sc.snapshot.Nodes[name])
	return sc
}

// with changes the snapshot for whatever has no method of its own.
func (sc *scene) with(change func(*Snapshot)) *scene {
	change(sc.snapshot)
	return sc
}

// put adds a Pod that the operator has looked at closely.
func (sc *scene) put(pod *corev1.Pod) *scene {
	s := sc.snapshot
	ordinal := len(s.Ordinals)
	s.Pods = append(s.Pods, Pod{
		Pod: pod, Ordinal: ordinal, Revision: revision, Right: true,
		Ready: pods.IsTrue(pods.Condition(pod, corev1.PodReady)),
	})
	s.Ordinals = append(s.Ordinals, ordinal)
	s.Details[pod.UID] = &Details{}
	return sc
}

// last changes the Pod that was added last.
func (sc *scene) last(change func(*Pod)) *scene {
	change(&sc.snapshot.Pods[len(sc.snapshot.Pods)-1])
	return sc
}

func (sc *scene) nextName() string { return fmt.Sprintf("web-%d", len(sc.snapshot.Ordinals)) }

// failing adds a Pod that has been failing to pull its image for some time.
func (sc *scene) failing(node string, since time.Duration) *scene {
	return sc.put(pullFailing(sc.nextName(), node, build.Epoch.Add(-since)))
}

// running adds a Pod that runs since those that fail for long began to wait.
func (sc *scene) running(node string) *scene { return sc.runningSince(node, long) }

// runningSince adds a Pod that has been running for some time.
func (sc *scene) runningSince(node string, since time.Duration) *scene {
	pod := build.MakePod(sc.nextName()).Obj()
	pod.Spec.NodeName = node
	pod.Status.ContainerStatuses[0].State.Running.StartedAt = at(-since)
	return sc.put(pod)
}

// refused adds a Pod that its kubelet did not take.
func (sc *scene) refused(node, reason string) *scene {
	pod := scheduled(sc.nextName(), node, build.Epoch)
	pod.Status.Phase, pod.Status.Reason, pod.Status.Message = corev1.PodFailed, reason, "Pod was rejected"
	return sc.put(pod)
}

// missing leaves the next ordinal without a Pod.
func (sc *scene) missing() *scene {
	sc.snapshot.Ordinals = append(sc.snapshot.Ordinals, len(sc.snapshot.Ordinals))
	return sc
}

// recorded sets what was recorded and makes the SchedPatch that goes with it.
func (sc *scene) recorded(record Record) *scene {
	s := sc.snapshot
	record.unify()
	s.Patch = nil
	s.Patch = s.patchFor(&record)
	s.Patch.UID, s.Patch.Generation, s.Patch.ResourceVersion = "patch-uid", 1, "1"
	s.Record = record
	sc.account(s.key(), &record)
	return sc
}

// account enters in the ledger what a record says, as the operator has done that wrote it.
func (sc *scene) account(key string, record *Record) *scene {
	s := sc.snapshot
	s.Ledger = s.Ledger.copied()
	account := s.Ledger.account(key)
	for _, e := range record.Exclusions {
		account.Excluded[e.Node] = e.Expires
	}
	for i, a := range record.Attempts {
		pod := a.Pod
		if pod == "" { // it is over, and the record does not tell its Pod any more
			pod = types.UID(fmt.Sprintf("%s-%d", key, i))
		}
		account.Begun[pod] = a.Last
	}
	return sc
}

// others enters in the ledger what was done for another set.
func (sc *scene) others(record Record) *scene { return sc.account("shop/db", &record) }

// served lets all webhooks serve the SchedPatch as it is.
func (sc *scene) served() *scene {
	sc.snapshot.Served = &Answer{UID: sc.snapshot.Patch.UID, Generation: sc.snapshot.Patch.Generation}
	return sc
}

// exclusion is one of a node for an image that fails, made and ending at offsets from now.
func exclusion(node string, seen, expires time.Duration, change ...func(*Exclusion)) Exclusion {
	e := Exclusion{
		Node: node, UID: types.UID(node + "-uid"), BootID: node + "-boot", Hostname: node + ".example",
		Key: Key{Revision: revision, Image: image}, Reason: "ImagePullBackOff",
		FirstSeen: at(seen), Expires: at(expires), Strikes: 1,
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

func probe(e *Exclusion) { e.Probe = true }

// deletedFor is an exclusion because of which a Pod was deleted.
func deletedFor(e *Exclusion) { e.Deleted = true }

// attempt is one of an ordinal, begun at an offset from now. The Pod is its UID.
func attempt(ordinal, deletes int, last time.Duration, pod, node string) Attempt {
	return Attempt{Ordinal: ordinal, Revision: revision, Deletes: deletes, Last: at(last), Pod: types.UID(pod), Node: node}
}

func at(offset time.Duration) metav1.Time { return metav1.NewTime(build.Epoch.Add(offset)) }

// scheduled is a Pod that has a node and nothing else.
func scheduled(name, node string, since time.Time) *corev1.Pod {
	pod := build.MakePod(name).New().Obj()
	pod.Spec.NodeName = node
	pod.CreationTimestamp = metav1.NewTime(since)
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodPending, StartTime: ptr.To(metav1.NewTime(since)),
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(since)},
			{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(since)},
		},
	}
	return pod
}

// waiting is a Pod whose sandbox is made and whose container waits.
func waiting(name, node string, since time.Time, reason, message string) *corev1.Pod {
	pod := scheduled(name, node, since)
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(since),
	})
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", Image: image, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}}
	return pod
}

func pullFailing(name, node string, since time.Time) *corev1.Pod {
	return waiting(name, node, since, "ImagePullBackOff", "Back-off pulling image")
}

// unscheduledPod finds no node.
func unscheduledPod(name string, since time.Time, rules *v1alpha1.SchedPatch) *corev1.Pod {
	pod := build.MakePod(name).New().Obj()
	pod.CreationTimestamp = metav1.NewTime(since)
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: "0/2 nodes are available", LastTransitionTime: metav1.NewTime(since),
	}}}
	if rules != nil {
		pod.Spec.Affinity = rules.Spec.Affinity.DeepCopy()
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, v1beta1.SchedPatchesAnnotation, rules.Name+"@0123456789")
	}
	return pod
}

// outcome is what a plan comes to, in words.
type outcome struct {
	// Condition is status and reason of Remediating, "" when it is absent.
	Condition string
	// Excluded are the nodes that are excluded after the plan, a probe in brackets.
	Excluded []string
	// LastResort reports whether excluded nodes are avoided, and not forbidden.
	LastResort bool
	// Next is what is done now: enter (in the ledger alone), write, remove, ask, delete <Pod>.
	Next string
	// Failing reports whether no node is to blame.
	Failing bool
	// Held are Pods whose replacement is in our hands.
	Held []types.UID
}

// lastResort reports whether a SchedPatch prefers other nodes and forbids none.
func lastResort(patch *v1alpha1.SchedPatch) bool {
	return patch != nil && shapeOf(patch).Required == 0
}

func outcomeOf(s *Snapshot, plan *Plan) outcome {
	v := makeResult(s, plan, "", false)
	o := outcome{Failing: v.AllNodesFailing != ""}
	if v.Condition != nil {
		o.Condition = string(v.Condition.Status) + " " + v.Condition.Reason
	}
	for _, e := range plan.Record.actives(s.Now) {
		name := e.Node
		if e.Probe {
			name = "(" + name + ")"
		}
		o.Excluded = append(o.Excluded, name)
	}
	o.LastResort = len(o.Excluded) > 0 && lastResort(plan.Write)
	for uid := range v.Held {
		o.Held = append(o.Held, uid)
	}
	slices.Sort(o.Held)
	var next []string
	for what, is := range map[string]bool{"enter": plan.Ledger != nil && plan.Write == nil && !plan.Remove, "write": plan.Write != nil, "remove": plan.Remove, "ask": plan.Ask, "delete": plan.Delete != nil} {
		if is {
			next = append(next, what)
		}
	}
	slices.Sort(next)
	if o.Next = strings.Join(next, "+"); plan.Delete != nil {
		o.Next += " " + plan.Delete.Pod.Name
	}
	return o
}

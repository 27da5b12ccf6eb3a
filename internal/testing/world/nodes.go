// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	scheduling "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// Nodes is everything but the operator that acts on a store: the scheduler, kubelets, the garbage collector and the
// volumes' controllers. Each call does one step of one of them.
type Nodes struct {
	*Store
	// Lost are Pods, and LostNodes are nodes with all of their Pods, whose kubelets do not answer.
	Lost      map[Key]bool
	LostNodes map[string]bool
	// Flaky are Pods, by UID, that run and are not ready for reasons of their own.
	Flaky map[types.UID]bool
	// Full tells that no node takes another Pod.
	Full bool
	// Troubles are what is wrong with nodes, by name.
	Troubles map[string]Trouble
	// Lucky lets the scheduler prefer nodes without trouble where it has the choice. Default: those with trouble, which
	// is the worst case.
	Lucky bool
	// Broken are images that nobody can pull now; Pushed are those of BadTag that can be pulled since. Where one has been
	// pulled, it still runs.
	Broken, Pushed map[string]bool
	// IfNotPresent lets a Pod that starts anew on a node with trouble use what the node has pulled. Default: it pulls all
	// of its images.
	IfNotPresent bool
	// RestartToGrow tells that a file system grows only when a Pod mounts it anew.
	RestartToGrow bool
	// Collected is told of what the garbage collector deletes.
	Collected func(kind string, key Key)

	// images are those that nodes have pulled, by node.
	images map[string]map[string]bool
}

// NewNodes runs what is in a store. Without Nodes in it every Pod comes to node-1.
func NewNodes(s *Store) *Nodes {
	return &Nodes{
		Store: s, Lost: map[Key]bool{}, LostNodes: map[string]bool{}, Flaky: map[types.UID]bool{}, Troubles: map[string]Trouble{},
		Broken: map[string]bool{}, Pushed: map[string]bool{}, images: map[string]map[string]bool{},
	}
}

// Unreachable reports whether a Pod's node does not answer.
func (n *Nodes) Unreachable(pod *corev1.Pod) bool {
	return n.Lost[Key{Namespace: pod.Namespace, Name: pod.Name}] || n.LostNodes[pod.Spec.NodeName]
}

// LoseNode is a node that does not answer any more: its Pods are not ready, as far as anybody knows. Or it is back.
func (n *Nodes) LoseNode(name string, lost bool) {
	n.LostNodes[name] = lost
	status := corev1.ConditionTrue
	if lost {
		status = corev1.ConditionUnknown
	}
	Change(n.Store, Node, Key{Name: name}, func(node *corev1.Node) { node.Status.Conditions[0].Status = status })
	for _, pod := range n.Pods() {
		if lost && pod.Spec.NodeName == name {
			n.ChangePod(Key{Namespace: pod.Namespace, Name: pod.Name}, func(pod *corev1.Pod) { n.SetReady(pod, false) })
		}
	}
}

// Kubelet takes a Pod one step towards its spec, and tells what it did, "" for nothing. A Pod without a node is
// scheduled.
func (n *Nodes) Kubelet(key Key) string {
	pod := n.Pod(key)
	switch {
	case pod == nil, n.Unreachable(pod), pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodFailed:
		return ""
	case pod.DeletionTimestamp != nil:
		return n.stop(pod)
	case pod.Spec.NodeName == "":
		return n.schedule(pod)
	case n.pastDeadline(pod):
		return n.fail(key, "DeadlineExceeded")
	}
	said := ""
	n.ChangePod(key, func(pod *corev1.Pod) { said = n.run(pod) })
	return said
}

// stop ends a Pod's processes. It is gone then, unless finalizers hold it.
func (n *Nodes) stop(pod *corev1.Pod) string {
	if n.Stopped[pod.UID] {
		return ""
	}
	n.Stopped[pod.UID] = true
	key := Key{Namespace: pod.Namespace, Name: pod.Name}
	n.ChangePod(key, func(pod *corev1.Pod) {
		pod.Status.Phase = corev1.PodSucceeded
		n.SetReady(pod, false)
	})
	if n.Pod(key) == nil {
		return fmt.Sprintf("%s is gone", pod.Name)
	}
	return fmt.Sprintf("%s has stopped and is held by %s", pod.Name, strings.Join(pod.Finalizers, ", "))
}

// schedule binds a Pod's claims and then the Pod.
func (n *Nodes) schedule(pod *corev1.Pod) string {
	obstacle, key := "", Key{Namespace: pod.Namespace, Name: pod.Name}
	for _, name := range ClaimsOf(pod) {
		if claim := n.claim(pod.Namespace, name); claim == nil || claim.DeletionTimestamp != nil {
			obstacle = "claim " + name + " is missing"
		}
	}
	node := n.choose(pod)
	if obstacle == "" && node == "" {
		obstacle = "no node has room"
	}
	condition := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: n.Second()}
	if obstacle != "" {
		condition.Status, condition.Reason = corev1.ConditionFalse, corev1.PodReasonUnschedulable
		if before := Condition(pod, corev1.PodScheduled); before != nil && before.Status == corev1.ConditionFalse {
			return ""
		}
	}
	n.ChangePod(key, func(pod *corev1.Pod) {
		SetCondition(pod, condition)
		if obstacle == "" {
			pod.Spec.NodeName = node
		}
	})
	if obstacle != "" {
		return fmt.Sprintf("%s cannot be scheduled: %s", pod.Name, obstacle)
	}
	for _, name := range ClaimsOf(pod) {
		n.bind(Key{Namespace: pod.Namespace, Name: name})
	}
	return fmt.Sprintf("%s is scheduled", pod.Name)
}

// MakeNode is a node that reports, with labels besides its name's.
func MakeNode(name string, labels map[string]string) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name + ".example"}},
		Status: corev1.NodeStatus{
			NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: "v1.36.1", BootID: "boot"},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	maps.Copy(node.Labels, labels)
	return node
}

// choose is the node that takes a Pod, "" when none does: of those that its rules allow the one with the fewest Pods,
// and of those the one that has trouble or, with luck, that has none.
func (n *Nodes) choose(pod *corev1.Pod) string {
	nodes := All[*corev1.Node](n.Store, Node)
	switch {
	case n.Full:
		return ""
	case len(nodes) == 0:
		return "node-1"
	}
	count := map[string]int{}
	for _, other := range n.Pods() {
		count[other.Spec.NodeName] += 2
	}
	for name, trouble := range n.Troubles {
		switch {
		case trouble == Well:
		case n.Lucky:
			count[name]++
		default:
			count[name]--
		}
	}
	nodes = slices.DeleteFunc(nodes, func(node *corev1.Node) bool { return !n.takes(node, pod) })
	if len(nodes) == 0 {
		return ""
	}
	return slices.MinFunc(nodes, func(a, b *corev1.Node) int {
		return cmp.Or(
			cmp.Compare(preference(b, pod), preference(a, pod)), cmp.Compare(count[a.Name], count[b.Name]), cmp.Compare(a.Name, b.Name),
		)
	}).Name
}

// takes reports whether a Pod's rules and volumes and a node's taints let them come together.
func (n *Nodes) takes(node *corev1.Node, pod *corev1.Pod) bool {
	if node.Spec.Unschedulable || n.LostNodes[node.Name] || !n.reaches(node, pod) || n.keptApart(node, pod) {
		return false
	}
	binds := func(t *corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule }
	if _, found := scheduling.FindMatchingUntoleratedTaint(klog.Logger{}, node.Spec.Taints, pod.Spec.Tolerations, binds, false); found {
		return false
	}
	fits, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
	return fits && err == nil
}

// reaches reports whether a node reaches all volumes that the claims of a Pod are bound to.
func (n *Nodes) reaches(node *corev1.Node, pod *corev1.Pod) bool {
	for _, name := range ClaimsOf(pod) {
		claim := n.claim(pod.Namespace, name)
		if claim == nil {
			continue
		}
		volume := Get[*corev1.PersistentVolume](n.Store, Volume, Key{Name: claim.Spec.VolumeName})
		if volume == nil || volume.Spec.NodeAffinity == nil {
			continue
		}
		selector, err := nodeaffinity.NewNodeSelector(volume.Spec.NodeAffinity.Required)
		if err != nil || !selector.Match(node) {
			return false
		}
	}
	return true
}

// keptApart reports whether required anti-affinity keeps a Pod from a node. Each node is a domain of its own.
func (n *Nodes) keptApart(node *corev1.Node, pod *corev1.Pod) bool {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.PodAntiAffinity == nil {
		return false
	}
	for _, term := range pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
		if err != nil {
			n.T.Fatal(err)
		}
		for _, other := range n.Pods() {
			if other.Namespace == pod.Namespace && other.Spec.NodeName == node.Name && selector.Matches(labels.Set(other.Labels)) {
				return true
			}
		}
	}
	return false
}

// preference is the weight of a node for a Pod.
func preference(node *corev1.Node, pod *corev1.Pod) int64 {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return 0
	}
	terms, err := nodeaffinity.NewPreferredSchedulingTerms(pod.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		return 0
	}
	return terms.Score(node)
}

// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/scheduling"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/pullers"
)

// gatherer reads the cluster, through the cache. Its reader must not return anything older than our own last write.
type gatherer struct {
	reader client.Reader
	clock  clock.PassiveClock
	// namespace is where the revisions are kept.
	namespace string
	// canResize reports whether the API server serves the resize subresource.
	canResize bool
	// memory remembers our writes, and history when Pods came to be selected.
	memory  *memory
	history *matchHistory
	// sets are all SidecarSets.
	sets *sidecar.Index
	// webhook are the replicas that inject.
	webhook webhookReplicas
	// ledger has what is taken by all sets, and waiters who waits for PodDisruptionBudgets.
	ledger  *ledger.Ledger
	waiters *ledger.Waiters
	// pullers know what is known of pulls of images, and preDownload is the policy of sets that have none.
	pullers     *pullers.Pullers
	preDownload v1beta1.ImagePreDownloadPolicy
	// excluded namespaces are out of the webhook's reach, so nothing in them can have missed its sidecar.
	excluded sets.Set[string]
}

// snapshot returns nil without an error when the SidecarSet is gone or going.
func (g *gatherer) snapshot(ctx context.Context, name string) (*Snapshot, error) {
	object := &v1beta1.SidecarSet{}
	if err := g.reader.Get(ctx, client.ObjectKey{Name: name}, object); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if object.DeletionTimestamp != nil {
		return nil, nil
	}
	return g.around(ctx, object)
}

// around reads what a decision about a SidecarSet rests on.
func (g *gatherer) around(ctx context.Context, object *v1beta1.SidecarSet) (*Snapshot, error) {
	set, err := sidecar.Compile(object)
	if err != nil {
		return nil, &loop.Invalid{Object: object, Err: err}
	}
	snapshot := &Snapshot{Now: g.clock.Now(), Set: set, CanResize: g.canResize, Watched: g.history.begun()}
	g.memory.recall(snapshot)
	g.openLedger(snapshot)
	snapshot.Images.Default = g.preDownload
	if snapshot.Images.Known, err = g.pullers.Known(ctx, object, snapshot.Now); err != nil {
		return nil, err
	}
	if snapshot.Revisions, err = g.revisions(ctx, set); err != nil {
		return nil, err
	}
	pods, err := g.pods(ctx, set)
	if err != nil {
		return nil, err
	}
	if err := g.sort(ctx, snapshot, pods); err != nil {
		return nil, err
	}
	if err := cmp.Or(g.strays(ctx, snapshot), snapshot.Takes.Settle(ctx, g.reader), g.disruptionBudgets(ctx, snapshot)); err != nil {
		return nil, err
	}
	if snapshot.needsKubelets() {
		if snapshot.Kubelets, err = g.kubelets(ctx); err != nil {
			return nil, err
		}
	}
	if snapshot.Domains, err = g.domains(ctx, set.Spec.UpdateStrategy.TopologyKey); err != nil {
		return nil, err
	}
	snapshot.LostNodes, err = g.lostNodes(ctx, snapshot)
	return snapshot, err
}

// lostNodes looks at the nodes of Pods that we changed, or took out of service, and that do not serve.
func (g *gatherer) lostNodes(ctx context.Context, snapshot *Snapshot) (sets.Set[string], error) {
	lost, seen := sets.New[string](), sets.New[string]()
	for _, view := range snapshot.Matched {
		name := view.Pod.Spec.NodeName
		if view.Ready() || name == "" || seen.Has(name) || !view.Touched() && !view.Between() {
			continue
		}
		seen.Insert(name)
		node := &corev1.Node{}
		err := g.reader.Get(ctx, client.ObjectKey{Name: name}, node)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read node %s of Pod %s: %w", name, podName(view.Pod), err)
		}
		if err != nil || !scheduling.Ready(node) {
			lost.Insert(name)
		}
	}
	return lost, nil
}

func (g *gatherer) revisions(ctx context.Context, set *sidecar.Set) ([]*appsv1.ControllerRevision, error) {
	list := &appsv1.ControllerRevisionList{}
	err := g.reader.List(ctx, list, client.UnsafeDisableDeepCopy, client.InNamespace(g.namespace),
		client.MatchingFields{RevisionIndex: set.Name()})
	if err != nil {
		return nil, fmt.Errorf("list the revisions of SidecarSet %s: %w", set.Name(), err)
	}
	return ownRevisions(set, list.Items), nil
}

// domains are the values of a label of nodes, nil when there is no such label to look at.
func (g *gatherer) domains(ctx context.Context, key string) (map[string]string, error) {
	if key == "" {
		return nil, nil
	}
	nodes := &corev1.NodeList{}
	if err := g.reader.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list nodes for their label %s: %w", key, err)
	}
	out := make(map[string]string, len(nodes.Items))
	for i := range nodes.Items {
		out[nodes.Items[i].Name] = nodes.Items[i].Labels[key]
	}
	return out, nil
}

func (g *gatherer) kubelets(ctx context.Context) (map[string]string, error) {
	nodes := &corev1.NodeList{}
	if err := g.reader.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list nodes for their kubelets' versions: %w", err)
	}
	out := make(map[string]string, len(nodes.Items))
	for i := range nodes.Items {
		out[nodes.Items[i].Name] = nodes.Items[i].Status.NodeInfo.KubeletVersion
	}
	return out, nil
}

// pods lists those that carry a label which the set's selector demands, or all Pods when it demands none.
func (g *gatherer) pods(ctx context.Context, set *sidecar.Set) ([]corev1.Pod, error) {
	scope := []client.ListOption{client.UnsafeDisableDeepCopy}
	if namespace := set.OnlyNamespace(); namespace != "" {
		scope = append(scope, client.InNamespace(namespace))
	}
	demanded := set.DemandedLabels()
	if len(demanded) == 0 {
		return g.list(ctx, scope)
	}
	var out []corev1.Pod
	for _, label := range demanded { // a Pod has one value for a key: no Pod comes twice
		found, err := g.list(ctx, append(scope, client.MatchingFields{PodLabelIndex: label}))
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// strays looks for Pods that the set holds, or whose hooks it has asked, and that it does not match any more.
func (g *gatherer) strays(ctx context.Context, snapshot *Snapshot) error {
	open, err := g.list(ctx, []client.ListOption{client.UnsafeDisableDeepCopy, client.MatchingFields{PodOpenIndex: snapshot.Set.Name()}})
	if err != nil {
		return err
	}
	matched, decoder := sets.New[types.UID](), sidecar.NewDecoder(snapshot.Set)
	for _, view := range snapshot.Matched {
		matched.Insert(view.Pod.UID)
	}
	for i := range open {
		if pod := &open[i]; pods.Live(pod) && !matched.Has(pod.UID) {
			snapshot.Strays = append(snapshot.Strays, decoder.View(pod))
		}
	}
	return nil
}

func (g *gatherer) list(ctx context.Context, options []client.ListOption) ([]corev1.Pod, error) {
	found := &corev1.PodList{}
	if err := g.reader.List(ctx, found, options...); err != nil {
		return nil, fmt.Errorf("list Pods: %w", err)
	}
	return found.Items, nil
}

// sort tells the Pods apart.
func (g *gatherer) sort(ctx context.Context, snapshot *Snapshot, list []corev1.Pod) error {
	reaches := reaches{gatherer: g, set: snapshot.Set, known: map[string]*reach{}}
	canaries := canaries{reader: g.reader, base: snapshot.Set.Name(), known: map[string]bool{}}
	decoder := sidecar.NewDecoder(snapshot.Set)
	for i := range list {
		pod := &list[i]
		if pods.Ended(pod) || !snapshot.Set.MatchesPod(pod.Labels) {
			continue
		}
		reach, err := reaches.of(ctx, pod.Namespace)
		if err != nil {
			return err
		}
		switch view := decoder.View(pod); {
		case !reach.selected, !pods.Live(pod) && reach.unserved != "":
		case !pods.Live(pod):
			snapshot.Beside = append(snapshot.Beside, pod)
		case reach.unserved != "":
			snapshot.Exempt = append(snapshot.Exempt, pod)
		case view.Holds():
			snapshot.Matched = append(snapshot.Matched, view)
		default:
			served, err := canaries.serve(ctx, pod)
			if err != nil {
				return err
			}
			if served {
				snapshot.Beside = append(snapshot.Beside, pod)
				continue
			}
			snapshot.Uninjected = append(snapshot.Uninjected, g.why(snapshot.Set, pod, reach.labels))
		}
	}
	return g.survey(ctx, snapshot, &reaches)
}

// why asks what the webhook asks, of all sets that select the Pod.
func (g *gatherer) why(set *sidecar.Set, pod *corev1.Pod, namespaceLabels map[string]string) Uninjected {
	all := slices.DeleteFunc(g.sets.Candidates(pod.Namespace, pod.Labels), func(other *sidecar.Set) bool {
		return other.Name() == set.Name() || !other.MatchesNamespace(pod.Namespace, namespaceLabels)
	})
	return whyUninjected(set, pod, append(all, set), g.history.of(set.Name(), pod.UID, pod.Namespace))
}

// canaries tells which SidecarSets are canaries of one set, each read once.
type canaries struct {
	reader client.Reader
	base   string
	known  map[string]bool
}

// serve reports whether a canary was injected into the Pod in place of its base: then the base has not missed it.
func (c *canaries) serve(ctx context.Context, pod *corev1.Pod) (bool, error) {
	for _, name := range sidecar.InjectedSets(pod.Annotations) {
		is, known := c.known[name]
		if !known {
			object := &v1beta1.SidecarSet{}
			if err := c.reader.Get(ctx, client.ObjectKey{Name: name}, object); client.IgnoreNotFound(err) != nil {
				return false, fmt.Errorf("read SidecarSet %s, which Pod %s names: %w", name, podName(pod), err)
			}
			is = (&sidecar.Set{Object: object}).CanaryOf() == c.base
			c.known[name] = is
		}
		if is {
			return true, nil
		}
	}
	return false, nil
}

// SPDX-License-Identifier: Apache-2.0

package read

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// words are what people write for the kinds that own most Pods. Others are asked of the API server.
var words = map[string]schema.GroupVersionKind{}

func init() {
	for kind, spellings := range map[schema.GroupVersionKind]string{
		{Version: "v1", Kind: "Pod"}:                        "pod pods po",
		{Group: "apps", Version: "v1", Kind: "Deployment"}:  "deployment deployments deploy deployment.apps",
		{Group: "apps", Version: "v1", Kind: "ReplicaSet"}:  "replicaset replicasets rs replicaset.apps",
		{Group: "apps", Version: "v1", Kind: "StatefulSet"}: "statefulset statefulsets sts statefulset.apps",
		{Group: "apps", Version: "v1", Kind: "DaemonSet"}:   "daemonset daemonsets ds daemonset.apps",
		{Group: "batch", Version: "v1", Kind: "Job"}:        "job jobs job.batch",
		{Group: "batch", Version: "v1", Kind: "CronJob"}:    "cronjob cronjobs cj cronjob.batch",
		v1beta1.GroupVersion.WithKind("StatefulSet"):        "asts statefulset.apps.kruise.io statefulsets.apps.kruise.io",
		{Version: "v1", Kind: "ReplicationController"}:      "replicationcontroller replicationcontrollers rc",
	} {
		for word := range strings.FieldsSeq(spellings) {
			words[word] = kind
		}
	}
}

// kindOf is the kind that a word means.
func (c *Cluster) kindOf(word string) (schema.GroupVersionKind, error) {
	if known, ok := words[strings.ToLower(word)]; ok {
		return known, nil
	}
	resource, group, _ := strings.Cut(strings.ToLower(word), ".")
	kind, err := c.RESTMapper().KindFor(schema.GroupVersionResource{Group: group, Resource: resource})
	if err != nil {
		return kind, fmt.Errorf("%q is no kind that this cluster knows; write pod/NAME, or whatever owns the Pods, such as deploy/NAME", word)
	}
	return kind, nil
}

// Subject reads an object, its live Pods, and who owns these.
func (c *Cluster) Subject(ctx context.Context, word, name string) (*view.Subject, error) {
	kind, err := c.kindOf(word)
	if err != nil {
		return nil, err
	}
	return c.subject(ctx, kind, name)
}

func (c *Cluster) subject(ctx context.Context, kind schema.GroupVersionKind, name string) (*view.Subject, error) {
	out := &view.Subject{Kind: kind.Kind, Namespace: c.Scope.Namespace, Name: name}
	chain := c.chains()
	if kind.Kind == "Pod" && kind.Group == "" {
		pod := &corev1.Pod{}
		if err := c.named(ctx, kind, name, pod); err != nil {
			return nil, err
		}
		out.Pods = []*view.OwnedPod{{Pod: pod, Owners: chain.of(ctx, pod)}}
		out.Unread = chain.unread
		return out, nil
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := c.named(ctx, kind, name, object); err != nil {
		return nil, err
	}
	out.Template = view.TemplateIn(object.Object)
	out.Owner, _ = schedpatch.TargetOfOwner(&metav1.OwnerReference{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: name})
	all, err := c.pods(ctx, client.InNamespace(c.Scope.Namespace))
	if err != nil {
		return nil, err
	}
	for _, owned := range chain.live(ctx, all) {
		if owned.By(object.GetUID()) {
			out.Pods = append(out.Pods, owned)
		}
	}
	out.Unread = chain.unread
	return out, nil
}

// absentError is about an object that there is not.
type absentError struct {
	text string
	err  error
}

func (e *absentError) Error() string { return e.text }

func (e *absentError) Unwrap() error { return e.err }

// named reads an object of the scope's namespace.
func (c *Cluster) named(ctx context.Context, kind schema.GroupVersionKind, name string, into client.Object) error {
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: c.Scope.Namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return &absentError{fmt.Sprintf("there is no %s %s of %s in namespace %s", kind.Kind, name, kind.GroupVersion(), c.Scope.Namespace), err}
	}
	if err != nil {
		return fmt.Errorf("cannot read %s %s in namespace %s: %w", kind.Kind, name, c.Scope.Namespace, err)
	}
	return nil
}

// chains follow owners upwards, each read once.
type chains struct {
	cluster *Cluster
	known   map[types.UID]*metav1.PartialObjectMetadata
	// unread has an error for each kind of which an owner could not be read.
	unread  []error
	without map[schema.GroupKind]bool
}

func (c *Cluster) chains() *chains {
	return &chains{cluster: c, known: map[types.UID]*metav1.PartialObjectMetadata{}, without: map[schema.GroupKind]bool{}}
}

// live are those of some Pods that are live, and whom they belong to.
func (c *chains) live(ctx context.Context, all []*corev1.Pod) []*view.OwnedPod {
	var out []*view.OwnedPod
	for _, pod := range all {
		if pods.Live(pod) {
			out = append(out, &view.OwnedPod{Pod: pod, Owners: c.of(ctx, pod)})
		}
	}
	return out
}

// highest is how many owners stand above each other at most: a Job's CronJob has none.
const highest = 3

// of lists whom a Pod belongs to, the nearest first. Where an owner cannot be read, it is the last one.
func (c *chains) of(ctx context.Context, pod *corev1.Pod) []metav1.OwnerReference {
	var out []metav1.OwnerReference
	for owner := metav1.GetControllerOf(pod); owner != nil && len(out) < highest; {
		out = append(out, *owner)
		above := c.read(ctx, pod.Namespace, owner)
		if above == nil {
			break
		}
		owner = metav1.GetControllerOf(above)
	}
	return out
}

func (c *chains) read(ctx context.Context, namespace string, owner *metav1.OwnerReference) *metav1.PartialObjectMetadata {
	if known, ok := c.known[owner.UID]; ok {
		return known
	}
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind))
	err := c.cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: owner.Name}, object)
	if client.IgnoreNotFound(err) != nil && !meta.IsNoMatchError(err) {
		c.miss(owner, namespace, err)
	}
	if err != nil || object.UID != owner.UID {
		object = nil
	}
	c.known[owner.UID] = object
	return object
}

// miss notes that an owner could not be read, once for each kind.
func (c *chains) miss(owner *metav1.OwnerReference, namespace string, err error) {
	kind := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()
	if !c.without[kind] {
		c.without[kind] = true
		c.unread = append(c.unread, fmt.Errorf("cannot read %s %s in namespace %s, so whom Pods belong to through it, and through others "+
			"of the kind, may not be known: %w", owner.Kind, owner.Name, namespace, err))
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package owners follows a Pod's owner to the owner's own controller: from a ReplicaSet to its Deployment, from a Job
// to its CronJob.
//
// An owner is asked for once, by its metadata alone, and remembered. There is no watch: owners are mostly asked for the
// moment they are created, before any watch would know them, and a cluster without patches for Deployments or CronJobs
// pays nothing.
package owners

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/clock"
)

const (
	// Timeout is how long a question to the API server may take. It is a part of the 3 seconds that the API server
	// waits for us.
	Timeout = time.Second
	// remembered is how long an answer holds. An owner hardly ever changes hands.
	remembered = time.Minute
	// refusedFor is how long a refusal holds: a permission may be granted.
	refusedFor = 10 * time.Second
	// mostRemembered bounds the memory, to some 10 MB.
	mostRemembered = 20_000
)

// Owners follows owners. The zero value is not usable; see New.
type Owners struct {
	client metadata.Interface
	mapper meta.RESTMapper
	clock  clock.PassiveClock

	mu      sync.Mutex
	answers map[identity]answer
}

// identity is all that a Pod says of its owner: a UID alone could be that of something else, which whoever forges an
// owner may read.
type identity struct {
	namespace string
	kind      schema.GroupKind
	name      string
	uid       types.UID
}

type answer struct {
	exists     bool
	controller *metav1.OwnerReference
	err        error
	until      time.Time
}

// New returns Owners that know nothing yet.
func New(client metadata.Interface, mapper meta.RESTMapper, clock clock.PassiveClock) *Owners {
	return &Owners{client: client, mapper: mapper, clock: clock, answers: map[identity]answer{}}
}

// ControllerOf returns the controller of an owner in the namespace: nil when the owner has none, or exists no more. The
// error is meant for people.
func (o *Owners) ControllerOf(ctx context.Context, namespace string, owner *metav1.OwnerReference) (*metav1.OwnerReference, error) {
	known, err := o.find(ctx, namespace, owner)
	return known.controller, err
}

// Exists reports whether there is an owner of this name and this UID. Nobody guesses a UID: who names it has read the
// owner, or was made by it. The error is meant for people.
func (o *Owners) Exists(ctx context.Context, namespace string, owner *metav1.OwnerReference) (bool, error) {
	known, err := o.find(ctx, namespace, owner)
	return known.exists, err
}

// find is what is known of an owner, and is asked for once.
func (o *Owners) find(ctx context.Context, namespace string, owner *metav1.OwnerReference) (answer, error) {
	id := identity{namespace: namespace, kind: kindOf(owner), name: owner.Name, uid: owner.UID}
	if known, ok := o.recall(id); ok {
		return known, known.err
	}
	object, err := o.read(ctx, namespace, owner)
	switch {
	case apierrors.IsForbidden(err):
		err = fmt.Errorf("the webhook may not read %s: its role lacks the verb get; the chart's value "+
			"schedPatch.extraTargets grants it", kindOf(owner))
		o.remember(id, answer{err: err}, refusedFor)
		return answer{}, err
	case apierrors.IsNotFound(err):
		return answer{}, nil
	case err != nil:
		return answer{}, fmt.Errorf("read %s %s: %w", kindOf(owner), owner.Name, err)
	case object.UID != owner.UID: // another one, which has taken the name
		return answer{}, nil
	}
	found := answer{exists: true, controller: metav1.GetControllerOf(object)}
	o.remember(id, found, remembered)
	return found, nil
}

// read asks the API server for the metadata of an owner.
func (o *Owners) read(ctx context.Context, namespace string, owner *metav1.OwnerReference) (*metav1.PartialObjectMetadata, error) {
	version, err := schema.ParseGroupVersion(owner.APIVersion)
	if err != nil {
		return nil, err
	}
	mapping, err := o.mapper.RESTMapping(version.WithKind(owner.Kind).GroupKind(), version.Version)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	return o.client.Resource(mapping.Resource).Namespace(namespace).Get(ctx, owner.Name, metav1.GetOptions{})
}

func kindOf(owner *metav1.OwnerReference) schema.GroupKind {
	return schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()
}

func (o *Owners) recall(id identity) (answer, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	known, ok := o.answers[id]
	return known, ok && o.clock.Now().Before(known.until)
}

func (o *Owners) remember(id identity, a answer, duration time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock.Now()
	if len(o.answers) >= mostRemembered {
		o.forget(now)
	}
	a.until = now.Add(duration)
	o.answers[id] = a
}

// forget drops what is old and, when that is not enough, everything.
func (o *Owners) forget(now time.Time) {
	for id, known := range o.answers {
		if !now.Before(known.until) {
			delete(o.answers, id)
		}
	}
	if len(o.answers) >= mostRemembered {
		clear(o.answers)
	}
}

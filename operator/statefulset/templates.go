// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
)

// templates remembers the decoded and defaulted templates of sets and their revisions. Both are costly to make, and
// asked for in every look at a set, while they hardly ever change: a revision's data is immutable.
type templates struct {
	mu   sync.Mutex
	sets map[types.NamespacedName]*knownTemplates
}

type knownTemplates struct {
	uid        types.UID
	generation int64
	current    *corev1.PodTemplateSpec
	revisions  map[types.UID]*Revision
}

func newTemplates() *templates {
	return &templates{sets: map[types.NamespacedName]*knownTemplates{}}
}

// read returns the set's own template and its revisions in the given order. Whatever is no longer among these is
// forgotten.
func (t *templates) read(set *v1beta1.StatefulSet, objects []*appsv1.ControllerRevision) (*corev1.PodTemplateSpec, []*Revision) {
	key := types.NamespacedName{Namespace: set.Namespace, Name: set.Name}
	t.mu.Lock()
	before := t.sets[key]
	t.mu.Unlock()

	if before == nil || before.uid != set.UID || before.generation != set.Generation {
		// How a revision is read depends on the template that it is compared with.
		before = &knownTemplates{current: podtemplate.Defaulted(&set.Spec.Template)}
	}
	known := &knownTemplates{
		uid: set.UID, generation: set.Generation, current: before.current, revisions: make(map[types.UID]*Revision, len(objects)),
	}
	revisions := make([]*Revision, 0, len(objects))
	for _, object := range objects {
		r := &Revision{}
		if before.revisions[object.UID] != nil {
			*r = *before.revisions[object.UID]
			r.Object = object // number and labels may have changed
		} else {
			r = readTemplate(object)
			r.prepare(&set.Spec.Template)
		}
		known.revisions[object.UID] = r
		revisions = append(revisions, r)
	}

	t.mu.Lock()
	t.sets[key] = known
	t.mu.Unlock()
	return known.current, revisions
}

// forget drops a set that is gone.
func (t *templates) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sets, key)
}

// readTemplate decodes a revision. One that cannot be read is kept, since Pods may name it, but leads nowhere.
func readTemplate(object *appsv1.ControllerRevision) *Revision {
	r := &Revision{Object: object}
	if template, err := podtemplate.Decode(object.Data.Raw); err == nil {
		r.Template = template
	}
	return r
}

// prepare fills in the defaults, for comparisons with the set's template.
func (r *Revision) prepare(current *corev1.PodTemplateSpec) {
	if r.Template != nil {
		r.Defaulted = podtemplate.DefaultedLike(r.Template, current)
	}
}

// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/fieldpath"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// owned are the labels and annotations that a Pod has from its StatefulSet and not from the template, whatever a
// template says of them.
var owned = map[string]bool{
	appsv1.ControllerRevisionHashLabelKey:      true,
	appsv1.StatefulSetPodNameLabel:             true,
	appsv1.PodIndexLabel:                       true,
	v1beta1.LifecycleStateLabel:                true,
	v1beta1.LifecycleTimestampAnnotation:       true,
	v1beta1.InPlaceUpdateStateAnnotation:       true,
	v1beta1.InPlaceUpdateGraceAnnotation:       true,
	v1beta1.InPlaceUpdateStateLegacyAnnotation: true,
	v1beta1.InPlaceUpdateGraceLegacyAnnotation: true,
}

// Difference says how to bring a running Pod from one template to another, both in the form that podtemplate.Defaulted
// gives. The second result is empty when that is possible. Otherwise it names the fields that only a new Pod can have,
// as spec.template.spec.containers[app].env, sorted, and the Change is zero. canResize reports whether the cluster
// resizes running Pods.
//
// In place can change: images; cpu and memory, within what Kubernetes lets a running Pod; labels, annotations and
// finalizers. A pull policy that follows from the image changes with it unnoticed. What a rollout restart writes asks
// for new Pods, so it is always among the fields.
func Difference(from, to *corev1.PodTemplateSpec, canResize bool) (Change, []string) {
	d := &difference{to: to, reached: from.DeepCopy()}
	d.pullPolicies()
	d.images()
	if canResize {
		d.resources(from)
	}
	d.labels()
	d.annotations()
	d.finalizers()
	d.restarts()
	fixed := slices.Concat(d.fixed, changedFields("spec.template", d.reached, to))
	if len(fixed) > 0 {
		slices.Sort(fixed)
		return Change{}, slices.Compact(fixed)
	}
	return d.change, nil
}

// difference collects a change. reached is the template that it leads to from the old one: where that differs from the
// new one in the end, a Pod cannot be brought there.
type difference struct {
	reached, to *corev1.PodTemplateSpec
	change      Change
	fixed       []string
}

// eachRunning visits the containers of both templates that keep running: containers and native sidecars.
func (d *difference) eachRunning(visit func(reached, to *corev1.Container)) {
	eachOfBoth(d.reached.Spec.Containers, d.to.Spec.Containers, visit)
	eachOfBoth(d.reached.Spec.InitContainers, d.to.Spec.InitContainers, func(reached, to *corev1.Container) {
		if pods.IsNativeSidecar(reached) && pods.IsNativeSidecar(to) {
			visit(reached, to)
		}
	})
}

func eachOfBoth(reached, to []corev1.Container, visit func(reached, to *corev1.Container)) {
	for i := range reached {
		for j := range to {
			if reached[i].Name == to[j].Name {
				visit(&reached[i], &to[j])
			}
		}
	}
}

// pullPolicies lets those pass that are what the API server chooses for the image, before and after. Whoever stored a
// template may have written it down.
func (d *difference) pullPolicies() {
	follow := func(reached, to *corev1.Container) {
		if reached.ImagePullPolicy == defaultPullPolicy(reached.Image) && to.ImagePullPolicy == defaultPullPolicy(to.Image) {
			reached.ImagePullPolicy = to.ImagePullPolicy
		}
	}
	eachOfBoth(d.reached.Spec.Containers, d.to.Spec.Containers, follow)
	eachOfBoth(d.reached.Spec.InitContainers, d.to.Spec.InitContainers, follow)
}

func defaultPullPolicy(image string) corev1.PullPolicy {
	c := corev1.Container{Image: image}
	coredefaults.SetDefaults_Container(&c)
	return c.ImagePullPolicy
}

func (d *difference) images() {
	d.eachRunning(func(reached, to *corev1.Container) {
		if reached.Image == to.Image {
			return
		}
		reached.Image = to.Image
		put(&d.change.Images, to.Name, to.Image)
	})
}

func (d *difference) labels() {
	d.change.Labels = textChanges(d.reached.Labels, d.to.Labels)
	d.reached.Labels = d.to.Labels
}

func (d *difference) annotations() {
	d.change.Annotations = textChanges(d.reached.Annotations, d.to.Annotations)
	if _, restarts := d.change.Annotations[v1beta1.RestartedAtAnnotation]; restarts {
		d.fixed = append(d.fixed, "spec.template.metadata.annotations["+v1beta1.RestartedAtAnnotation+"]")
	}
	d.reached.Annotations = d.to.Annotations
}

// textChanges is what turns one map of labels or annotations into another; nil when nothing does.
func textChanges(from, to map[string]string) map[string]*string {
	var out map[string]*string
	for key := range from {
		if _, stays := to[key]; !stays && !owned[key] {
			put(&out, key, nil)
		}
	}
	for key, value := range to {
		if before, exists := from[key]; (!exists || before != value) && !owned[key] {
			put(&out, key, &value)
		}
	}
	return out
}

func (d *difference) finalizers() {
	from, to := d.reached.Finalizers, d.to.Finalizers
	d.change.AddFinalizers, d.change.RemoveFinalizers = without(to, from), without(from, to)
	d.reached.Finalizers = to
}

// restarts finds the containers whose environment shows a changed label or annotation. A plain init container has run
// and will not do so again.
func (d *difference) restarts() {
	d.eachRunning(func(_, to *corev1.Container) {
		if _, restartsAnyway := d.change.Images[to.Name]; !restartsAnyway && d.readsChange(to) {
			put(&d.change.Restart, to.Name, to.Image)
		}
	})
	for i := range d.to.Spec.InitContainers {
		if c := &d.to.Spec.InitContainers[i]; !pods.IsNativeSidecar(c) && d.readsChange(c) {
			d.fixed = append(d.fixed, "spec.template.spec.initContainers["+c.Name+"].env")
		}
	}
}

func (d *difference) readsChange(c *corev1.Container) bool {
	return slices.ContainsFunc(c.Env, func(env corev1.EnvVar) bool {
		if env.ValueFrom == nil || env.ValueFrom.FieldRef == nil {
			return false
		}
		field, key, ok := fieldpath.SplitMaybeSubscriptedPath(env.ValueFrom.FieldRef.FieldPath)
		_, label := d.change.Labels[key]
		_, annotation := d.change.Annotations[key]
		return ok && (field == "metadata.labels" && label || field == "metadata.annotations" && annotation)
	})
}

func put[V any](values *map[string]V, key string, value V) {
	if *values == nil {
		*values = map[string]V{}
	}
	(*values)[key] = value
}

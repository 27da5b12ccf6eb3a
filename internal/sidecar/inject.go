package sidecar

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Injection is what to change in a new Pod: a list of edits, small enough to
// be written as a JSON patch without touching what the Pod brings itself.
type Injection struct {
	// Sets are the names of the sets that inject, sorted.
	Sets []string
	// InitContainers and Containers are edits to these lists, in order.
	InitContainers []ContainerEdit
	Containers     []ContainerEdit
	// Volumes and ImagePullSecrets are appended.
	Volumes          []corev1.Volume
	ImagePullSecrets []corev1.LocalObjectReference
	// Annotations are set.
	Annotations map[string]string
	// Warnings are for the person who created the Pod.
	Warnings []string
}

// ContainerEdit puts one container into a list of containers.
type ContainerEdit struct {
	// Index is where: an existing container's place when Replace is true, the
	// place to insert before otherwise; the list's length means at the end.
	Index   int
	Replace bool
	// Container is what is put there.
	Container corev1.Container
}

// Empty tells whether there is nothing to change.
func (in *Injection) Empty() bool {
	return in == nil || len(in.Sets) == 0
}

// Inject computes what the given sets, all of which match, put into a new Pod.
// It is idempotent: a Pod that a set has been injected into already, and that
// still holds its containers, gets nothing more from it.
//
// A container of the Pod that has a sidecar's name is replaced where it stands
// (that is the wire's rule); the Pod's volumes win over a set's.
func Inject(pod *corev1.Pod, sets []*Set, now metav1.Time) (*Injection, error) {
	sets = slices.Clone(sets)
	slices.SortFunc(sets, func(a, b *Set) int { return cmp.Compare(a.Name(), b.Name()) })
	view := Look(pod)
	in := &Injection{Warnings: view.faults}
	var initContainers, containers []v1beta1.SidecarContainer
	for _, set := range sets {
		if view.Holds(set) && view.Updated(set) {
			continue
		}
		in.Sets = append(in.Sets, set.Name())
		initContainers = append(initContainers, set.Spec.InitContainers...)
		containers = append(containers, set.Spec.Containers...)
		in.addVolumes(pod, set)
		in.addPullSecrets(pod, set)
		if err := view.recordInjection(set, now); err != nil {
			return nil, err
		}
	}
	if len(in.Sets) == 0 {
		return in, nil
	}
	// The wire sorts init containers over all sets by name and leaves
	// containers in the order of their sets.
	slices.SortStableFunc(initContainers, func(a, b v1beta1.SidecarContainer) int { return cmp.Compare(a.Name, b.Name) })
	in.InitContainers = place(pod.Spec.InitContainers, initContainers)
	in.Containers = place(pod.Spec.Containers, containers)
	var err error
	in.Annotations, err = view.injectionTexts(in.Sets)
	return in, err
}

// place turns sidecars into edits of a Pod's own list: same name replaces,
// BeforeAppContainer goes to the front in the order given, the rest to the end.
func place(own []corev1.Container, sidecars []v1beta1.SidecarContainer) []ContainerEdit {
	index := make(map[string]int, len(own))
	for i := range own {
		index[own[i].Name] = i
	}
	var replaced, before, after []ContainerEdit
	for i := range sidecars {
		edit := ContainerEdit{Container: injected(&sidecars[i].Container)}
		at, exists := index[edit.Container.Name]
		switch {
		case exists:
			edit.Index, edit.Replace = at, true
			replaced = append(replaced, edit)
		case sidecars[i].PodInjectPolicy == v1beta1.BeforeAppContainerType:
			edit.Index = len(before)
			before = append(before, edit)
		default:
			after = append(after, edit)
		}
	}
	for i := range after {
		after[i].Index = len(own) + len(before) + i
	}
	return slices.Concat(replaced, before, after)
}

// injected returns a sidecar's container as it stands in a Pod.
func injected(c *corev1.Container) corev1.Container {
	out := *c.DeepCopy()
	for i := range out.Env {
		if out.Env[i].Name == v1beta1.SidecarInjectedEnv {
			return out
		}
	}
	out.Env = append(out.Env, corev1.EnvVar{Name: v1beta1.SidecarInjectedEnv, Value: "true"})
	return out
}

// addVolumes takes those volumes of the set that its own sidecars mount.
func (in *Injection) addVolumes(pod *corev1.Pod, set *Set) {
	mounted := map[string]bool{}
	for _, containers := range [][]v1beta1.SidecarContainer{set.Spec.Containers, set.Spec.InitContainers} {
		for i := range containers {
			for _, m := range containers[i].VolumeMounts {
				mounted[m.Name] = true
			}
			for _, d := range containers[i].VolumeDevices {
				mounted[d.Name] = true
			}
		}
	}
	for i := range set.Spec.Volumes {
		volume := &set.Spec.Volumes[i]
		named := func(v corev1.Volume) bool { return v.Name == volume.Name }
		if mounted[volume.Name] && !slices.ContainsFunc(pod.Spec.Volumes, named) && !slices.ContainsFunc(in.Volumes, named) {
			in.Volumes = append(in.Volumes, *volume.DeepCopy())
		}
	}
}

func (in *Injection) addPullSecrets(pod *corev1.Pod, set *Set) {
	for _, secret := range set.Spec.ImagePullSecrets {
		if !slices.Contains(pod.Spec.ImagePullSecrets, secret) && !slices.Contains(in.ImagePullSecrets, secret) {
			in.ImagePullSecrets = append(in.ImagePullSecrets, secret)
		}
	}
}

// Apply makes the edits in the given Pod.
func (in *Injection) Apply(pod *corev1.Pod) {
	pod.Spec.InitContainers = applyEdits(pod.Spec.InitContainers, in.InitContainers)
	pod.Spec.Containers = applyEdits(pod.Spec.Containers, in.Containers)
	pod.Spec.Volumes = append(pod.Spec.Volumes, in.Volumes...)
	pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, in.ImagePullSecrets...)
	for key, value := range in.Annotations {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value)
	}
}

func applyEdits(list []corev1.Container, edits []ContainerEdit) []corev1.Container {
	for _, edit := range edits {
		if edit.Replace {
			list[edit.Index] = edit.Container
			continue
		}
		list = slices.Insert(list, edit.Index, edit.Container)
	}
	return list
}

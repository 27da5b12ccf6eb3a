// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"
)

// Where injection is enforced, nothing is believed that a new Pod says of itself: every set is injected anew, and what
// stands there already stays only where it is what would be written. The API server's own admission, which may come
// before a second call of the webhook, is all that may have added to it.

const (
	// tokenPath is where the API server mounts the token of the service account.
	tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount" //nolint:gosec // a path
	// tokenVolume begins the name of the volume that it mounts there.
	tokenVolume = "kube-api-access-"
)

// InjectStrictly is Inject for a Pod whose author must not get past its sidecars. A container that says that it was
// injected, and is not what a set would inject, is replaced; a record of what is not there is corrected. A set is also
// left out, and with it the Pod refused, where a volume of the Pod would give a sidecar another configuration than the
// set's. A copy of an image in one of the mirrors is as good as the image.
func InjectStrictly(pod *corev1.Pod, sets []*Set, now metav1.Time, mirrors Mirrors) (*Injection, error) {
	return injectInto(pod, sets, now, &strictness{mirrors})
}

// strictness is what is believed of a new Pod all the same.
type strictness struct{ mirrors Mirrors }

// withoutWritten drops the edits that would write what stands there already, and lets the others keep what the API
// server's admission has added to a sidecar.
func (s *strictness) withoutWritten(v *incoming, list []corev1.Container, edits []ContainerEdit) []ContainerEdit {
	var out []ContainerEdit
	for _, edit := range edits {
		if edit.Replace {
			there := &list[edit.Index]
			if v.injectedContainer(there) {
				keepAdmitted(v.Pod, there, &edit.Container)
				if s.mirrors.hold(there.Image, edit.Container.Image) {
					edit.Container.Image = there.Image
				}
			}
			if sameContainer(v.Pod, there, &edit.Container) {
				continue
			}
		}
		out = append(out, edit)
	}
	return out
}

// keepAdmitted takes over what the API server's own admission adds to containers: the token of the service account,
// default resources of the namespace, and the policy to always pull.
func keepAdmitted(pod *corev1.Pod, there, written *corev1.Container) {
	if there.ImagePullPolicy == corev1.PullAlways {
		written.ImagePullPolicy = corev1.PullAlways
	}
	addResources(&written.Resources.Limits, there.Resources.Limits)
	addResources(&written.Resources.Requests, there.Resources.Requests)
	atPath := func(m corev1.VolumeMount) bool { return m.MountPath == tokenPath }
	at := slices.IndexFunc(there.VolumeMounts, atPath)
	if at >= 0 && isToken(pod, there.VolumeMounts[at].Name) && !slices.ContainsFunc(written.VolumeMounts, atPath) {
		written.VolumeMounts = slices.Insert(slices.Clip(written.VolumeMounts), min(at, len(written.VolumeMounts)), there.VolumeMounts[at])
	}
}

func addResources(into *corev1.ResourceList, from corev1.ResourceList) {
	for name, amount := range from {
		if _, ok := (*into)[name]; !ok {
			merged := into.DeepCopy()
			if merged == nil {
				merged = corev1.ResourceList{}
			}
			merged[name] = amount
			*into = merged
		}
	}
}

// isToken reports whether a volume is the one that the API server adds for the token of the service account.
func isToken(pod *corev1.Pod, name string) bool {
	return strings.HasPrefix(name, tokenVolume) && slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Name == name && v.Projected != nil
	})
}

// sameContainer compares two containers as the API server would store them in the Pod.
func sameContainer(pod *corev1.Pod, a, b *corev1.Container) bool {
	stored := func(c *corev1.Container) corev1.Container {
		alone := &corev1.Pod{Spec: corev1.PodSpec{HostNetwork: pod.Spec.HostNetwork, Containers: []corev1.Container{*c.DeepCopy()}}}
		coredefaults.SetObjectDefaults_Pod(alone)
		return alone.Spec.Containers[0]
	}
	return equality.Semantic.DeepEqual(stored(a), stored(b))
}

// written reports whether the Pod's records say of a set what an injection would write, but for the time.
func (p *incoming) written(set *Set, annotations map[string]string) bool {
	full, withoutImage := set.hashRecords(metav1.Time{})
	gotFull, gotWithout := p.hashes.record(set.Name()), p.hashesWithoutImage.record(set.Name())
	gotFull.UpdateTimestamp, gotWithout.UpdateTimestamp = full.UpdateTimestamp, withoutImage.UpdateTimestamp
	if !p.Injected(set.Name()) || !equality.Semantic.DeepEqual(full, gotFull) || !equality.Semantic.DeepEqual(withoutImage, gotWithout) {
		return false
	}
	for key, value := range annotations {
		if p.Pod.Annotations[key] != value {
			return false
		}
	}
	return true
}

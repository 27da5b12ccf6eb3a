// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

const (
	// ContainerName is that of the one container of a puller.
	ContainerName = "pull"
	// Command is the path that no image has.
	Command = "/apps.kruise.io/image-puller"
	// spare is how long after the time for the pull the kubelet ends a puller that nobody has deleted.
	spare = 60 * time.Second
)

// Key is an image on a node.
type Key struct{ Node, Image string }

// Start makes a puller.
type Start struct {
	Key
	// For is the Pod that is to restart with the image. Container is the one that gets it: it says when to pull.
	For       *corev1.Pod
	Container string
}

// String renders the action for logs.
func (s Start) String() string {
	return "pull image " + s.Image + " on node " + s.Node + " for Pod " + s.For.Namespace + "/" + s.For.Name
}

// NewPod makes the Pod of a puller, with all that the Pod which it pulls for pulls with: live is that Pod as the API
// server has it. owner is the object that the puller goes with; it is no controller of it, because the disruption
// controller looks for the scale of every controller.
func NewPod(start Start, live *corev1.Pod, kind string, owner metav1.Object, timeout time.Duration) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: live.Namespace, Name: Name(kind, owner, start.Key),
			Labels: map[string]string{
				v1beta1.ImagePullerLabel: kind, v1beta1.SidecarInjectionKey: "false", "sidecar.istio.io/inject": "false",
			},
			Annotations: map[string]string{
				v1beta1.PulledImageAnnotation: start.Image, "sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1beta1.GroupVersion.String(), Kind: kind, Name: owner.GetName(), UID: owner.GetUID(),
			}},
		},
		Spec: corev1.PodSpec{
			NodeName:                      start.Node,
			Containers:                    []corev1.Container{container(start, live)},
			RestartPolicy:                 corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:         ptr.To(min(int64((timeout + spare).Seconds()), math.MaxInt32)),
			TerminationGracePeriodSeconds: ptr.To(int64(0)),
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			ServiceAccountName:            live.Spec.ServiceAccountName,
			ImagePullSecrets:              live.Spec.ImagePullSecrets,
			RuntimeClassName:              live.Spec.RuntimeClassName,
			Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			// No user is named: where the cluster gives each namespace users of its own, another one would be refused. An
			// image of root is then not started, which comes after the pull.
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		},
	}
}

func container(start Start, live *corev1.Pod) corev1.Container {
	policy := corev1.PullPolicy("") // as the API server has it for the image
	if at := pods.Find(live, start.Container); at != nil {
		policy = at.ImagePullPolicy
	}
	return corev1.Container{
		Name: ContainerName, Image: start.Image, ImagePullPolicy: policy, Command: []string{Command},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m"), corev1.ResourceMemory: resource.MustParse("4Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

// longestPrefix is how much of its owner's name a puller has in its own, so that the whole is a label.
const longestPrefix = 40

// Name is that of the puller of an object for an image and a node: a DNS label, and none that ends in an ordinal, so that
// no StatefulSet takes the puller for its own.
func Name(kind string, owner metav1.Object, key Key) string {
	all := strings.Join([]string{kind, owner.GetNamespace(), owner.GetName(), key.Node, key.Image}, "\x00")
	sum := sha256.Sum256([]byte(all))
	prefix := strings.ReplaceAll(owner.GetName(), ".", "-")
	prefix = strings.TrimRight(prefix[:min(len(prefix), longestPrefix)], "-")
	return prefix + "-pull-p" + hex.EncodeToString(sum[:5])
}

// Is reports whether a Pod is a puller, whoever made it.
func Is(pod metav1.Object) bool {
	_, is := pod.GetLabels()[v1beta1.ImagePullerLabel]
	return is
}

// OwnerOf names the object of a kind that a puller pulls for, in the puller's namespace if the kind has such.
func OwnerOf(pod metav1.Object, kind string) (name string, is bool) {
	if !Is(pod) {
		return "", false
	}
	for _, owner := range pod.GetOwnerReferences() {
		if owner.Kind == kind && owner.APIVersion == v1beta1.GroupVersion.String() {
			return owner.Name, true
		}
	}
	return "", false
}

// KeyOf says what a puller pulls, and where.
func KeyOf(puller *corev1.Pod) Key {
	return Key{puller.Spec.NodeName, puller.Annotations[v1beta1.PulledImageAnnotation]}
}

// OnWindows reports whether a Pod says that it runs on Windows. No pullers are made there.
func OnWindows(pod *corev1.Pod) bool {
	return pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows || pod.Spec.NodeSelector[corev1.LabelOSStable] == string(corev1.Windows)
}

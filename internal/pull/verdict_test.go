// SPDX-License-Identifier: Apache-2.0

package pull_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/pull"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// puller is a puller that its kubelet took 40 s ago and says something of.
func puller(status corev1.ContainerStatus) *corev1.Pod {
	pod := pull.NewPod(start("node-1", "mesh:2"), app("p", "node-1"), "SidecarSet", owner(), 10*time.Minute)
	pod.UID, pod.CreationTimestamp = "puller", metav1.NewTime(build.Epoch)
	pod.Status.Phase = corev1.PodPending
	began := metav1.NewTime(build.Epoch)
	pod.Status.StartTime = &began
	status.Name = pull.ContainerName
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
	return pod
}

func waits(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

func ends(reason, imageID string) corev1.ContainerStatus {
	return corev1.ContainerStatus{ImageID: imageID, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason}}}
}

func TestWhatAPullerShows(t *testing.T) {
	const registrys = `r/mesh:2: not found`
	const notFound = `failed to pull and unpack image "r/mesh:2": failed to resolve image: ` + registrys
	const older = `rpc error: code = NotFound desc = failed to pull and unpack image "r/mesh:2": failed to resolve reference "r/mesh:2": ` + registrys
	failed := func(reason, phaseReason string) *corev1.Pod {
		pod := puller(ends(reason, ""))
		pod.Status.Phase, pod.Status.Reason, pod.Status.Message = corev1.PodFailed, phaseReason, "no room"
		return pod
	}
	changed := func(pod *corev1.Pod, change func(*corev1.Pod)) *corev1.Pod {
		change(pod)
		return pod
	}
	has := pull.Verdict{State: pull.Has}
	cannot := func(words string) pull.Verdict { return pull.Verdict{State: pull.Cannot, Words: words} }
	pulling := func(in time.Duration) pull.Verdict { return pull.Verdict{State: pull.Pulling, In: in} }
	for name, test := range map[string]struct {
		pod *corev1.Pod
		// age is how old the puller is, default 40 s; failing is for how long its pull has failed.
		age, failing time.Duration
		want         pull.Verdict
	}{
		"it could not start what no image has":       {pod: puller(ends("StartError", "r/mesh@sha256:2")), want: has},
		"an end that tells no image":                 {pod: puller(ends("ContainerCannotRun", "")), want: has},
		"an imageID while it waits":                  {pod: puller(corev1.ContainerStatus{ImageID: "x", State: waits("ContainerCreating", "").State}), want: has},
		"it runs, whatever the image is":             {pod: puller(corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}), want: has},
		"the image is of root, and may not be":       {pod: puller(waits("CreateContainerConfigError", "runs as root")), want: has},
		"the runtime does not make the container":    {pod: puller(waits("CreateContainerError", "no command")), want: has},
		"the runtime does not start it":              {pod: puller(waits("RunContainerError", "no command")), want: has},
		"nothing yet":                                {pod: puller(waits("ContainerCreating", "")), want: pulling(10*time.Minute - 40*time.Second)},
		"a pull that was not seen to fail before":    {pod: puller(waits("ErrImagePull", notFound)), want: pulling(10*time.Minute - 40*time.Second)},
		"a pull that fails for 29 s":                 {pod: puller(waits("ErrImagePull", notFound)), failing: 29 * time.Second, want: pulling(time.Second)},
		"a pull that fails for 30 s":                 {pod: puller(waits("ErrImagePull", notFound)), failing: 30 * time.Second, want: cannot(registrys)},
		"a pull that fails with an older containerd": {pod: puller(waits("ErrImagePull", older)), failing: 30 * time.Second, want: cannot(registrys)},
		"the kubelet waits for its next try":         {pod: puller(waits("ImagePullBackOff", `Back-off pulling image "r/mesh:2": ErrImagePull: `+notFound)), failing: 30 * time.Second, want: cannot(registrys)},
		"an older kubelet waits":                     {pod: puller(waits("ImagePullBackOff", `Back-off pulling image "r/mesh:2"`)), failing: 30 * time.Second, want: cannot(`Back-off pulling image "r/mesh:2"`)},
		"the image cannot be looked at":              {pod: puller(waits("ImageInspectError", "broken")), failing: time.Minute, want: cannot("broken")},
		"the registry does not answer":               {pod: puller(waits("RegistryUnavailable", "connection refused.")), failing: time.Minute, want: cannot("connection refused")},
		"the signature is wrong":                     {pod: puller(waits("SignatureValidationFailed", "")), failing: time.Minute, want: cannot("SignatureValidationFailed")},
		"no name of an image":                        {pod: puller(waits("InvalidImageName", "couldn't parse")), age: time.Second, want: cannot("couldn't parse")},
		"it is not to be pulled":                     {pod: puller(waits("ErrImageNeverPull", "not present")), age: time.Second, want: cannot("not present")},
		"no end in time":                             {pod: puller(waits("ContainerCreating", "")), age: 10 * time.Minute, want: cannot("the pull did not end within 600 s")},
		"no end in time, and failing at last":        {pod: puller(waits("ErrImagePull", notFound)), age: 10 * time.Minute, failing: time.Second, want: cannot("the pull did not end within 600 s")},
		"the kubelet has ended it":                   {pod: failed("ContainerStatusUnknown", "DeadlineExceeded"), age: 11 * time.Minute, want: cannot("the pull did not end within 600 s")},
		"somebody has given it less time":            {pod: failed("ContainerStatusUnknown", "DeadlineExceeded"), want: pull.Verdict{State: pull.SaysNothing, Words: "Pod shop/mesh-pull-pc09eb8aac8 on node node-1: DeadlineExceeded: no room"}},
		"evicted":                                    {pod: failed("ContainerStatusUnknown", "Evicted"), want: pull.Verdict{State: pull.SaysNothing, Words: "Pod shop/mesh-pull-pc09eb8aac8 on node node-1: Evicted: no room"}},
		"no Pod may be added to the node":            {pod: changed(failed("", "OutOfpods"), func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }), want: pull.Verdict{State: pull.SaysNothing, Words: "Pod shop/mesh-pull-pc09eb8aac8 on node node-1: OutOfpods: no room"}},
		"evicted when the image was there":           {pod: changed(failed("", "Evicted"), func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ImageID = "x" }), want: has},
		"the kubelet has not taken it yet":           {pod: changed(puller(waits("", "")), func(p *corev1.Pod) { p.Status = corev1.PodStatus{} }), want: pulling(20 * time.Second)},
		"the kubelet takes nothing":                  {pod: changed(puller(waits("", "")), func(p *corev1.Pod) { p.Status = corev1.PodStatus{} }), age: time.Minute, want: pull.Verdict{State: pull.SaysNothing, Words: "the kubelet of node node-1 did not take Pod shop/mesh-pull-pc09eb8aac8 within 1m0s"}},
		"somebody's webhook put a container into it": {pod: changed(puller(waits("PodInitializing", "")), func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{{Name: "istio-init"}} }), age: 10 * time.Minute, want: pull.Verdict{State: pull.SaysNothing, Words: "Pod shop/mesh-pull-pc09eb8aac8 was given init containers, and did not come to an end within 10m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			age := test.age
			if age == 0 {
				age = 40 * time.Second
			}
			p := pull.Patience{Now: build.Epoch.Add(age), Failing: 30 * time.Second, Timeout: 10 * time.Minute}
			if test.failing > 0 {
				p.FailingSince = p.Now.Add(-test.failing)
			}
			if diff := cmp.Diff(test.want, pull.Judge(test.pod, p)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

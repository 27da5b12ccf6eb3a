// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// inventory lists the containers of the Pods as rows of a table.
func inventory(pods []corev1.Pod) [][]string {
	rows := [][]string{{"POD", "NODE", "CONTAINER", "IMAGE"}}
	for i := range pods {
		for _, c := range pods[i].Spec.Containers {
			rows = append(rows, []string{pods[i].Name, pods[i].Spec.NodeName, c.Name, c.Image})
		}
	}
	return rows
}

// checkInjected fails unless the Pods hold the sidecar and run on different nodes.
func checkInjected(pods []corev1.Pod) error {
	nodes := map[string]string{}
	for i := range pods {
		pod := &pods[i]
		if framework.Container(pod, framework.SidecarContainer) == nil {
			return fmt.Errorf("Pod %s/%s has no container %q: the sidecar was not injected", pod.Namespace, pod.Name, framework.SidecarContainer)
		}
		if other, taken := nodes[pod.Spec.NodeName]; taken {
			return fmt.Errorf("Pods %s and %s both run on node %s, not on two nodes", other, pod.Name, pod.Spec.NodeName)
		}
		nodes[pod.Spec.NodeName] = pod.Name
	}
	return nil
}

// compare puts the Pods side by side as rows of a table, and names what an update in place of the sidecar would not
// have done.
func compare(before, after []corev1.Pod) (rows [][]string, wrong []string) {
	rows = [][]string{{"", "BEFORE", "AFTER", ""}}
	for i := range before {
		pod := find(after, before[i].Name)
		if pod == nil {
			wrong = append(wrong, fmt.Sprintf("Pod %s is gone", before[i].Name))
			continue
		}
		rows = append(rows, []string{"Pod " + pod.Name, "", "", ""})
		for _, f := range facts(&before[i], pod) {
			verdict := "ok: " + f.want
			if !f.ok {
				verdict = "WRONG: want " + f.want
				wrong = append(wrong, fmt.Sprintf("Pod %s: %s was %s and is %s; want %s", pod.Name, f.what, f.before, f.after, f.want))
			}
			rows = append(rows, []string{"  " + f.what, f.before, f.after, verdict})
		}
	}
	return rows, wrong
}

// fact is something about a Pod, before and after.
type fact struct {
	what, before, after, want string
	ok                        bool
}

func facts(before, after *corev1.Pod) []fact {
	app, appNow := framework.ContainerStatus(before, framework.AppContainer), framework.ContainerStatus(after, framework.AppContainer)
	sidecar, sidecarNow := framework.ContainerStatus(before, framework.SidecarContainer), framework.ContainerStatus(after, framework.SidecarContainer)
	return []fact{
		same("UID", string(before.UID), string(after.UID)),
		same("IP", before.Status.PodIP, after.Status.PodIP),
		same("node", before.Spec.NodeName, after.Spec.NodeName),
		restarts("app restartCount", app, appNow, 0),
		restarts("sidecar restartCount", sidecar, sidecarNow, 1),
		changed("sidecar image", imageOf(before), imageOf(after)),
		changed("sidecar imageID", short(sidecar.ImageID), short(sidecarNow.ImageID)),
	}
}

func same(what, before, after string) fact {
	return fact{what: what, before: before, after: after, want: "the same", ok: before != "" && before == after}
}

func changed(what, before, after string) fact {
	return fact{what: what, before: before, after: after, want: "a new one", ok: before != "" && after != "" && before != after}
}

// restarts wants the container to have been restarted so often since it started.
func restarts(what string, before, after corev1.ContainerStatus, count int32) fact {
	return fact{
		what: what, before: number(before.RestartCount), after: number(after.RestartCount), want: number(count),
		ok: before.RestartCount == 0 && after.RestartCount == count,
	}
}

func number(n int32) string { return strconv.Itoa(int(n)) }

func imageOf(pod *corev1.Pod) string {
	if c := framework.Container(pod, framework.SidecarContainer); c != nil {
		return c.Image
	}
	return ""
}

// short cuts an image ID to a digest that still tells images apart.
func short(imageID string) string {
	const digits = 12
	name, digest, found := strings.Cut(imageID, "sha256:")
	if !found {
		return name
	}
	return "sha256:" + digest[:min(digits, len(digest))]
}

func find(pods []corev1.Pod, name string) *corev1.Pod {
	for i := range pods {
		if pods[i].Name == name {
			return &pods[i]
		}
	}
	return nil
}

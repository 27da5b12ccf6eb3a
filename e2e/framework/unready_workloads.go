// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Unready is what was recorded of the Pods of one workload.
type Unready struct {
	// Most is by how many the Pods that served fell short of the most that served before, at most.
	Most int
	// Longest is how long a Pod that had served did not serve at most, and LongestPod which.
	Longest    time.Duration
	LongestPod string
	// History is every change, in order, for whoever wants to know why.
	History []string
}

// UnreadyByWorkload says of the Pods of each workload how many were missing at a time. The function names the workload
// of a Pod, "" for one that is left out. New Pods on their way up are nobody's outage; a Pod that is deleted does not
// serve, and is missed until another serves in its place.
func UnreadyByWorkload(changes []PodChange, workload func(*corev1.Pod) string) map[string]*Unready {
	recorders := map[string]*unreadyRecorder{}
	out := map[string]*Unready{}
	for i := range changes {
		c := &changes[i]
		pod := c.After
		if pod == nil {
			pod = c.Before
		}
		w := workload(pod)
		if w == "" {
			continue
		}
		if recorders[w] == nil {
			recorders[w] = &unreadyRecorder{serving: map[types.UID]bool{}, since: map[types.UID]time.Time{}}
			out[w] = &recorders[w].Unready
		}
		recorders[w].note(c.At, pod, c.After != nil && c.After.DeletionTimestamp == nil && IsReady(c.After))
	}
	return out
}

// unreadyRecorder records one workload.
type unreadyRecorder struct {
	Unready
	serving map[types.UID]bool
	// since is when a Pod that had served ceased to.
	since map[types.UID]time.Time
	peak  int
}

func (r *unreadyRecorder) note(at time.Time, pod *corev1.Pod, serves bool) {
	if serves == r.serving[pod.UID] {
		return
	}
	if serves {
		r.serving[pod.UID] = true
		if since, was := r.since[pod.UID]; was && at.Sub(since) > r.Longest {
			r.Longest, r.LongestPod = at.Sub(since), pod.Name
		}
	} else {
		delete(r.serving, pod.UID)
		r.since[pod.UID] = at
	}
	r.peak = max(r.peak, len(r.serving))
	r.Most = max(r.Most, r.peak-len(r.serving))
	r.History = append(r.History, fmt.Sprintf("%s %s serves=%t, %d of %d do", at.Format("15:04:05.000"), pod.Name, serves, len(r.serving), r.peak))
}

// ByLabel names the workload of a Pod by one of its labels.
func ByLabel(label string) func(*corev1.Pod) string {
	return func(pod *corev1.Pod) string { return pod.Labels[label] }
}

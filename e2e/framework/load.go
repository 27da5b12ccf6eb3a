// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// retryPause is how long after an attempt that failed a Pod is tried again.
const retryPause = time.Second

// Creation is one attempt to create a Pod.
type Creation struct {
	// Pod is the Pod as the API server answered it.
	Pod *corev1.Pod
	// Began is when it was asked for, Took how long the answer took.
	Began time.Time
	Took  time.Duration
	// Err is why there is no such Pod.
	Err error
}

// CreatePods creates Pods at a steady rate until the context ends, whether or not earlier creations have been answered;
// then it waits for the answers still due. The function makes the n-th Pod, from 0. A Pod is tried again, as a
// controller does, for as long as another function says so of the error; each attempt is a Creation.
func (c *Cluster) CreatePods(ctx context.Context, perSecond int, pod func(n int) *corev1.Pod, again func(error) bool) []Creation {
	var (
		mu   sync.Mutex
		wait sync.WaitGroup
		out  []Creation
	)
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			wait.Wait()
			return out
		case <-ticker.C:
		}
		wait.Go(func() {
			attempts := c.createUntil(context.WithoutCancel(ctx), pod(n), again)
			mu.Lock()
			defer mu.Unlock()
			out = append(out, attempts...)
		})
	}
}

// CreateAtOnce creates so many Pods at the same time, as CreatePods does, and waits for all answers.
func (c *Cluster) CreateAtOnce(ctx context.Context, count int, pod func(n int) *corev1.Pod, again func(error) bool) []Creation {
	attempts := make([][]Creation, count)
	var wait sync.WaitGroup
	for n := range count {
		wait.Go(func() { attempts[n] = c.createUntil(ctx, pod(n), again) })
	}
	wait.Wait()
	return slices.Concat(attempts...)
}

// createUntil tries to create a Pod until it is there, or it is not to be tried again, or patience ends.
func (c *Cluster) createUntil(ctx context.Context, pod *corev1.Pod, again func(error) bool) (attempts []Creation) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		attempt := c.CreatePod(ctx, pod.DeepCopy())
		attempts = append(attempts, attempt)
		if attempt.Err == nil || again == nil || !again(attempt.Err) {
			return attempts
		}
		select {
		case <-ctx.Done():
			return attempts
		case <-time.After(retryPause):
		}
	}
}

// CreatePod creates one Pod and takes the time.
func (c *Cluster) CreatePod(ctx context.Context, pod *corev1.Pod) Creation {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	began := time.Now()
	err := c.Client.Create(ctx, pod)
	return Creation{Pod: pod, Began: began, Took: time.Since(began), Err: err}
}

// Slowest is how long the slowest creation took, and Median how long half of them took at most. Both are 0 when there
// is none.
func Slowest(creations []Creation) time.Duration { return percentile(creations, 100) }

// Median is how long half of the creations took at most.
func Median(creations []Creation) time.Duration { return percentile(creations, 50) }

func percentile(creations []Creation, percent int) time.Duration {
	took := make([]time.Duration, len(creations))
	for i := range creations {
		took[i] = creations[i].Took
	}
	return Percentile(took, percent)
}

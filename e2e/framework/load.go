// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// creationTimeout is how long one creation may take before it counts as failed.
const creationTimeout = 40 * time.Second

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
// then it waits for the answers still due. The function makes the n-th Pod, from 0.
func (c *Cluster) CreatePods(ctx context.Context, perSecond int, pod func(n int) *corev1.Pod) []Creation {
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
			creation := c.CreatePod(context.WithoutCancel(ctx), pod(n))
			mu.Lock()
			defer mu.Unlock()
			out = append(out, creation)
		})
	}
}

// CreatePod creates one Pod and takes the time.
func (c *Cluster) CreatePod(ctx context.Context, pod *corev1.Pod) Creation {
	ctx, cancel := context.WithTimeout(ctx, creationTimeout)
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

// SPDX-License-Identifier: Apache-2.0

package podcache

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/quantity"
)

// The Pods of a workload are nearly equal, and each of them comes with memory of its own. What is equal is kept once
// for all of them, which is for the most part what a Pod takes: its names, labels, containers and resources. Whoever
// reads the cache without copies must not write to it for this reason, too.
//
// A pool remembers what came last, a bounded number of values, and drops the rest in the order in which nobody asked for
// it. So nothing leaks, however many values a cluster has: values that are forgotten too early are kept twice, no more.
// (Package unique would forget a value when nobody holds its handle, whoever holds the value itself.)
type pool[T any] struct {
	// most is how many values a generation has.
	most int
	// young are the values of this generation, old those of the one before.
	young, old map[uint64]T
}

// get returns the value of a hash that is the same, or else the one that is made, which is then remembered.
func (p *pool[T]) get(hash uint64, same func(T) bool, made func() T) T {
	value, ok := p.young[hash]
	if ok && same(value) {
		return value
	}
	if value, ok = p.old[hash]; !ok || !same(value) {
		value = made()
	}
	if p.young == nil || len(p.young) >= p.most {
		p.old, p.young = p.young, make(map[uint64]T)
	}
	p.young[hash] = value
	return value
}

// pools are those of the parts of Pods and Nodes.
type pools struct {
	mu           sync.Mutex
	seed         maphash.Seed
	texts        pool[string]
	maps         pool[map[string]string]
	owners       pool[[]metav1.OwnerReference]
	gates        pool[[]corev1.PodReadinessGate]
	requirements pool[*corev1.ResourceRequirements]
	containers   pool[[]corev1.Container]
}

const (
	// mostTexts and mostValues bound a generation: texts are many and short.
	mostTexts, mostValues = 8192, 1024
	// longestText is the longest one that is looked for in the pool: a message that long is hardly ever said twice.
	longestText = 512
)

func newPools() *pools {
	p := &pools{seed: maphash.MakeSeed()}
	p.texts.most = mostTexts
	for _, most := range []*int{&p.maps.most, &p.owners.most, &p.gates.most, &p.requirements.most, &p.containers.most} {
		*most = mostValues
	}
	return p
}

// shared are those of all caches of this process. Only memory depends on what is in them.
var shared = newPools()

func (p *pools) text(s string) string {
	if s == "" || len(s) > longestText {
		return s
	}
	return p.texts.get(maphash.String(p.seed, s), func(t string) bool { return t == s }, func() string { return s })
}

// texts makes kinds of text one text each.
func text[T ~string](p *pools, s T) T { return T(p.text(string(s))) }

// copyMap is a map of shared texts. A value that is the name of its object is that text.
func (p *pools) copyMap(m map[string]string, name string) map[string]string {
	out := make(map[string]string, len(m))
	for key, value := range m {
		if value == name {
			out[p.text(key)] = name
		} else {
			out[p.text(key)] = p.text(value)
		}
	}
	return out
}

// stringMap shares a map as a whole, unless it holds the name of its object: then it is like no other.
func (p *pools) stringMap(m map[string]string, name string) map[string]string {
	if len(m) == 0 {
		return m
	}
	var hash uint64
	for key, value := range m {
		if value == name {
			return p.copyMap(m, name)
		}
		hash += maphash.String(p.seed, key)*31 ^ maphash.String(p.seed, value) // in any order
	}
	same := func(other map[string]string) bool { return maps.Equal(m, other) }
	return p.maps.get(hash, same, func() map[string]string { return p.copyMap(m, "") })
}

func (p *pools) ownerReferences(owners []metav1.OwnerReference) []metav1.OwnerReference {
	if len(owners) == 0 {
		return owners
	}
	var hash uint64
	for i := range owners {
		hash = hash*31 + maphash.String(p.seed, string(owners[i].UID))
	}
	same := func(other []metav1.OwnerReference) bool {
		return equalLists(owners, other, func(a, b *metav1.OwnerReference) bool {
			return a.UID == b.UID && a.Name == b.Name && a.Kind == b.Kind && a.APIVersion == b.APIVersion &&
				equalPointers(a.Controller, b.Controller) && equalPointers(a.BlockOwnerDeletion, b.BlockOwnerDeletion)
		})
	}
	return p.owners.get(hash, same, func() []metav1.OwnerReference {
		out := make([]metav1.OwnerReference, len(owners))
		for i := range owners {
			o := owners[i]
			o.APIVersion, o.Kind, o.Name, o.UID = p.text(o.APIVersion), p.text(o.Kind), p.text(o.Name), text(p, o.UID)
			out[i] = o
		}
		return out
	})
}

func (p *pools) readinessGates(gates []corev1.PodReadinessGate) []corev1.PodReadinessGate {
	if len(gates) == 0 {
		return gates
	}
	var hash uint64
	for i := range gates {
		hash = hash*31 + maphash.String(p.seed, string(gates[i].ConditionType))
	}
	same := func(other []corev1.PodReadinessGate) bool {
		return equalLists(gates, other, func(a, b *corev1.PodReadinessGate) bool { return *a == *b })
	}
	return p.gates.get(hash, same, func() []corev1.PodReadinessGate {
		out := make([]corev1.PodReadinessGate, len(gates))
		for i := range gates {
			out[i].ConditionType = text(p, gates[i].ConditionType)
		}
		return out
	})
}

// resources caps quantities that cost too much to be computed with. Only what is made is looked at for that: what is
// found is the same to the bit.
func (p *pools) resources(r *corev1.ResourceRequirements) *corev1.ResourceRequirements {
	if r == nil {
		return nil
	}
	same := func(other *corev1.ResourceRequirements) bool { return sameRequirements(r, other) }
	return p.requirements.get(p.hashRequirements(r), same, func() *corev1.ResourceRequirements {
		out := &corev1.ResourceRequirements{Requests: p.amounts(r.Requests), Limits: p.amounts(r.Limits), Claims: r.Claims}
		quantity.Cap(out)
		return out
	})
}

func (p *pools) amounts(list corev1.ResourceList) corev1.ResourceList {
	if list == nil {
		return nil
	}
	out := make(corev1.ResourceList, len(list))
	for name, amount := range list {
		out[text(p, name)] = amount
	}
	return out
}

func (p *pools) hashRequirements(r *corev1.ResourceRequirements) uint64 {
	var hash uint64
	for weight, list := range [...]corev1.ResourceList{r.Requests, r.Limits} {
		for name, amount := range list {
			hash += maphash.String(p.seed, string(name)) ^ maphash.Comparable(p.seed, amount)*uint64(2*weight+1) // in any order
		}
	}
	return hash
}

// sameRequirements compares how quantities are kept, not their values: that costs nothing, whatever they are.
func sameRequirements(a, b *corev1.ResourceRequirements) bool {
	return maps.Equal(a.Requests, b.Requests) && maps.Equal(a.Limits, b.Limits) && slices.Equal(a.Claims, b.Claims) &&
		(a.Requests == nil) == (b.Requests == nil) && (a.Limits == nil) == (b.Limits == nil) && (a.Claims == nil) == (b.Claims == nil)
}

// trimContainers keeps of containers what the comment of Trim says.
func (p *pools) trimContainers(containers []corev1.Container) []corev1.Container {
	var hash uint64
	for i := range containers {
		c := &containers[i]
		hash = (hash*31+maphash.String(p.seed, c.Name))*31 + maphash.String(p.seed, c.Image) + p.hashRequirements(&c.Resources)
	}
	same := func(other []corev1.Container) bool { return equalLists(containers, other, sameContainer) }
	return p.containers.get(hash, same, func() []corev1.Container {
		out := make([]corev1.Container, len(containers))
		for i := range containers {
			c := &containers[i]
			out[i] = corev1.Container{
				Name: p.text(c.Name), Image: p.text(c.Image), Resources: *p.resources(&c.Resources), RestartPolicy: c.RestartPolicy,
				LivenessProbe: present(c.LivenessProbe), ReadinessProbe: present(c.ReadinessProbe), StartupProbe: present(c.StartupProbe),
				Env: mark(c.Env),
			}
		}
		return out
	})
}

// sameContainer reports whether a container becomes a given one when it is trimmed.
func sameContainer(whole, trimmed *corev1.Container) bool {
	return whole.Name == trimmed.Name && whole.Image == trimmed.Image && equalPointers(whole.RestartPolicy, trimmed.RestartPolicy) &&
		(whole.LivenessProbe == nil) == (trimmed.LivenessProbe == nil) && (whole.ReadinessProbe == nil) == (trimmed.ReadinessProbe == nil) &&
		(whole.StartupProbe == nil) == (trimmed.StartupProbe == nil) && (mark(whole.Env) == nil) == (trimmed.Env == nil) &&
		sameRequirements(&whole.Resources, &trimmed.Resources)
}

func equalLists[T any](a, b []T, equal func(a, b *T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

func equalPointers[T comparable](a, b *T) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

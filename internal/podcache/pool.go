// SPDX-License-Identifier: Apache-2.0

package podcache

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/quantity"
)

// The Pods of a workload are nearly equal, and each of them comes with memory of its own. What is equal is kept once
// for all of them, which is for the most part what a Pod takes: its names, labels, containers and resources. Whoever
// reads the cache without copies must not write to it for this reason, too.
//
// A pool remembers what came last, up to a number of bytes, and drops the rest in the order in which nobody asked for it.
// So nothing leaks, however many and however large the values of a cluster are: values that are forgotten too early are
// kept twice, no more. (Package unique would forget a value when nobody holds its handle, whoever holds the value itself.)
type pool[T any] struct {
	// most is how many bytes a generation takes, and held how many this one does.
	most, held int
	// young are the values of this generation, old those of the one before.
	young, old map[uint64]T
}

const (
	// perEntry is about what remembering a value takes besides the value, in bytes.
	perEntry = 64
	// partOfAll is the part of a generation that one value may take. What is larger is hardly ever the same in two Pods, and
	// whoever makes such Pods is not to have the others forgotten.
	partOfAll = 64
)

// get returns the value of a hash that is the same, or else the one that is made, which is then remembered. Size is about
// how many bytes it takes.
func (p *pool[T]) get(hash uint64, size int, same func(T) bool, made func() T) T {
	if size > p.most/partOfAll {
		return made()
	}
	value, ok := p.young[hash]
	if ok && same(value) {
		return value
	}
	if value, ok = p.old[hash]; !ok || !same(value) {
		value = made()
	}
	if size += perEntry; p.young == nil || p.held+size > p.most {
		p.old, p.young, p.held = p.young, make(map[uint64]T), 0
	}
	p.young[hash] = value
	p.held += size
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
	// mostTexts and mostValues bound a generation of a pool, in bytes: 8,000 texts of 64 bytes, 1,000 maps of 1 KiB. All
	// pools together hold 18 MiB at most.
	mostTexts, mostValues = 1 << 20, 1 << 20
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
	return p.texts.get(maphash.String(p.seed, s), len(s), func(t string) bool { return t == s }, func() string { return s })
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
	size := 0
	for key, value := range m {
		if value == name {
			return p.copyMap(m, name)
		}
		size += len(key) + len(value) + perEntry
		hash += maphash.String(p.seed, key)*31 ^ maphash.String(p.seed, value) // in any order
	}
	same := func(other map[string]string) bool { return maps.Equal(m, other) }
	return p.maps.get(hash, size, same, func() map[string]string { return p.copyMap(m, "") })
}

func (p *pools) ownerReferences(owners []metav1.OwnerReference) []metav1.OwnerReference {
	if len(owners) == 0 {
		return owners
	}
	var hash uint64
	size := 0
	for i := range owners {
		hash = hash*31 + maphash.String(p.seed, string(owners[i].UID))
		size += sizeOf(&owners[i]) + len(owners[i].Name) + len(owners[i].Kind) + len(owners[i].APIVersion) + len(owners[i].UID)
	}
	same := func(other []metav1.OwnerReference) bool {
		return equalLists(owners, other, func(a, b *metav1.OwnerReference) bool {
			return a.UID == b.UID && a.Name == b.Name && a.Kind == b.Kind && a.APIVersion == b.APIVersion &&
				equalPointers(a.Controller, b.Controller) && equalPointers(a.BlockOwnerDeletion, b.BlockOwnerDeletion)
		})
	}
	return p.owners.get(hash, size, same, func() []metav1.OwnerReference {
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
	size := 0
	for i := range gates {
		hash = hash*31 + maphash.String(p.seed, string(gates[i].ConditionType))
		size += sizeOf(&gates[i]) + len(gates[i].ConditionType)
	}
	same := func(other []corev1.PodReadinessGate) bool {
		return equalLists(gates, other, func(a, b *corev1.PodReadinessGate) bool { return *a == *b })
	}
	return p.gates.get(hash, size, same, func() []corev1.PodReadinessGate {
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
	return p.requirements.get(p.hashRequirements(r), sizeOfRequirements(r), same, func() *corev1.ResourceRequirements {
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

// sizeOfRequirements is about how many bytes resources take. A quantity may hold a number of any length.
func sizeOfRequirements(r *corev1.ResourceRequirements) int {
	size := sizeOf(r)
	for _, list := range [...]corev1.ResourceList{r.Requests, r.Limits} {
		for name, amount := range list {
			size += perEntry + len(name) + sizeOf(&amount)
		}
	}
	for i := range r.Claims {
		size += sizeOf(&r.Claims[i]) + len(r.Claims[i].Name) + len(r.Claims[i].Request)
	}
	return size
}

// sizeOf is how many bytes a value takes, without what it refers to.
func sizeOf[T any](*T) int {
	var value T
	return int(unsafe.Sizeof(value))
}

// sameRequirements compares how quantities are kept, not their values: that costs nothing, whatever they are.
func sameRequirements(a, b *corev1.ResourceRequirements) bool {
	return maps.Equal(a.Requests, b.Requests) && maps.Equal(a.Limits, b.Limits) && slices.Equal(a.Claims, b.Claims) &&
		(a.Requests == nil) == (b.Requests == nil) && (a.Limits == nil) == (b.Limits == nil) && (a.Claims == nil) == (b.Claims == nil)
}

// trimContainers keeps of containers what the comment of Trim says.
func (p *pools) trimContainers(containers []corev1.Container) []corev1.Container {
	var hash uint64
	size := 0
	for i := range containers {
		c := &containers[i]
		size += sizeOf(c) + len(c.Name) + len(c.Image) + sizeOfRequirements(&c.Resources)
		hash = (hash*31+maphash.String(p.seed, c.Name))*31 + maphash.String(p.seed, c.Image) + p.hashRequirements(&c.Resources)
	}
	same := func(other []corev1.Container) bool { return equalLists(containers, other, sameContainer) }
	return p.containers.get(hash, size, same, func() []corev1.Container {
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

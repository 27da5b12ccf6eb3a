// SPDX-License-Identifier: Apache-2.0

// Package revision names, numbers and truncates the ControllerRevisions that record the history of an object. Whether
// two revisions are equal is decided by whoever knows what is in them, on decoded and defaulted values: bytes differ
// between versions of a library that mean the same. It is pure.
package revision

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// HashLabel carries the hash in a revision's name.
const HashLabel = "controller.kubernetes.io/hash"

// maxParent keeps a revision's name, which is also a label's value, within 63 characters.
const maxParent = 52

// Name makes the name of a revision from its owner's name and its data: "<parent>-<hash>". collisions sets apart data
// whose hashes collide.
func Name(parent string, data []byte, collisions *int32) (name, hash string) {
	h := fnv.New32a()
	_, _ = h.Write(data) // a hash never fails to be written to
	if collisions != nil {
		_, _ = h.Write([]byte(strconv.FormatInt(int64(*collisions), 10)))
	}
	hash = rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
	return parent[:min(len(parent), maxParent)] + "-" + hash, hash
}

// Sort orders revisions from the oldest to the newest.
func Sort(revisions []*appsv1.ControllerRevision) {
	slices.SortStableFunc(revisions, func(a, b *appsv1.ControllerRevision) int {
		return cmp.Or(
			cmp.Compare(a.Revision, b.Revision),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Name, b.Name),
		)
	})
}

// Next is the number of the revision that comes after all of these.
func Next(revisions []*appsv1.ControllerRevision) int64 {
	var newest int64
	for _, r := range revisions {
		newest = max(newest, r.Revision)
	}
	return newest + 1
}

// Surplus lists the revisions to delete so that at most keep remain, the oldest first. Those that are live stay,
// however many they are.
func Surplus(revisions []*appsv1.ControllerRevision, keep int, live func(name string) bool) []*appsv1.ControllerRevision {
	sorted := slices.Clone(revisions)
	Sort(sorted)
	excess := len(sorted) - keep
	var out []*appsv1.ControllerRevision
	for _, r := range sorted {
		if len(out) >= excess {
			break
		}
		if !live(r.Name) {
			out = append(out, r)
		}
	}
	return out
}

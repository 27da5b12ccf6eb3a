// SPDX-License-Identifier: Apache-2.0

package sidecar

import corev1 "k8s.io/api/core/v1"

// mostHashes is how many annotations a Decoder remembers: where all are different, nothing is gained by more.
const mostHashes = 1000

// Decoder makes the Views of one look at a set. Many Pods record the same versions of their sets, to the letter: those
// that were made, or changed, in one second. That is decoded once.
type Decoder struct {
	set *Set
	// hashes are what annotations of hashes hold for the set.
	hashes map[string]*hashRecord
}

// NewDecoder begins a look at a set.
func NewDecoder(set *Set) *Decoder { return &Decoder{set: set, hashes: map[string]*hashRecord{}} }

// NewView decodes the annotations of a single Pod.
func NewView(pod *corev1.Pod, set *Set) *View { return NewDecoder(set).View(pod) }

func (d *Decoder) hash(annotation string) *hashRecord {
	if known := d.hashes[annotation]; known != nil {
		return known
	}
	record := readHash(annotation, d.set.Name())
	if len(d.hashes) < mostHashes {
		d.hashes[annotation] = &record
	}
	return &record
}

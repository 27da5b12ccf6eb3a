// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// Remembered is how long a verdict is believed.
	Remembered = 10 * time.Minute
	// MostInAll is how many pullers there are at a time, whoever they pull for.
	MostInAll = 50
	// mostNodes is how many nodes are tried in one round, and mostSilent how many pullers may say nothing.
	mostNodes, mostSilent = 3, 3
	// firstFails is how long the first pull of a round may fail; the next ones only have to confirm it.
	firstFails, nextFail = 30 * time.Second, 5 * time.Second
	// longestPause is how long a node, or a round, waits for its next try at most. counted is how long one that failed is
	// counted, from which the next pause follows: so many of the longest ones that it stays the longest.
	longestPause = 10 * time.Minute
	counted      = 6 * longestPause
	// suspected is how long a namespace that could not get an image has to prove that it can: until it was asked again.
	suspected = Remembered + longestPause
	// proof is how long it is known that an image was proven: longer than a Pod may drain for an update that began with it.
	proof = 2 * time.Hour
	// crowded is when to look again while there are as many pullers as there may be. Those of others bring no event.
	crowded = 5 * time.Second
)

// Try is what came of one puller.
type Try struct {
	Key
	// Namespace is where the puller was, or was to be.
	Namespace string
	// State is Has, Cannot or SaysNothing; Words say why.
	State State
	Words string
	// Refused means that the API server did not take the puller: no other one of the namespace then.
	Refused bool
	// Lost means that somebody else has ended the puller: no other one of the namespace on this node then.
	Lost bool
	// Puller is the UID of the puller, "" when it was never made. Began is when it was, At when it was judged.
	Puller    types.UID
	Began, At time.Time
}

// Puller is a puller that is there.
type Puller struct {
	Pod *corev1.Pod
	// FailingSince is when its pull was first seen to fail, zero when it was not.
	FailingSince time.Time
}

// Known is what is known of the pulls for one object. It is a value: nobody changes it.
type Known struct {
	Now time.Time
	// Pullers are those of the object, Stray those whose objects are gone.
	Pullers []Puller
	Stray   []*corev1.Pod
	// Tries are remembered, in the order in which they were judged.
	Tries []Try
	// InAll is how many pullers there are, whoever they pull for.
	InAll int
}

// Recent drops tries that nothing depends on any more.
func Recent(tries []Try, now time.Time) []Try {
	return slices.DeleteFunc(slices.Clone(tries), func(t Try) bool {
		keep := Remembered
		switch t.State {
		case Cannot:
			keep = counted
		case Has:
			keep = proof
		}
		return now.Sub(t.At) >= keep
	})
}

// pause is how long the next try waits after so many that failed in a row: 1, 2, 4, ... 10 minutes.
func pause(failed int) time.Duration {
	wait := time.Minute
	for range min(failed, 10) - 1 {
		wait *= 2
	}
	return min(wait, longestPause)
}

// fresh are the tries of a state that are still believed.
func fresh(tries []Try, state State, now time.Time) []Try {
	return slices.DeleteFunc(slices.Clone(tries), func(t Try) bool { return t.State != state || now.Sub(t.At) >= Remembered })
}

// rounds parts the nodes that could not get an image, since one could last, by the pauses between them. It returns how
// many rounds there were, and the tries of the last one.
func rounds(tries []Try) (n int, last []Try) {
	for _, t := range tries {
		switch {
		case t.State == Has:
			n, last = 0, nil
		case t.State != Cannot:
		case len(last) == 0 || t.Began.Sub(last[len(last)-1].At) >= pause(n)/2:
			n, last = n+1, []Try{t}
		default:
			last = append(last, t)
		}
	}
	return n, last
}

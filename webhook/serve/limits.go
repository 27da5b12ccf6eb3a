// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"math"
	"runtime"
	"time"
)

// Limits bound what the port may cost. The zero value is not usable; see LimitsFor.
type Limits struct {
	// Connections may be open at once that send little; fewer of those that send more.
	Connections int
	// Body is the most bytes of a request. etcd stores objects of at most 1.5 MiB, and a review holds two of them at
	// most, before and after a change.
	Body int64
	// SmallBody is how large a body may be that counts with its connection. Larger ones share LargeBodies bytes in
	// flight.
	SmallBody, LargeBodies int64
	// SmallMemory is how many bytes of memory a review may take to go by the gate for small ones.
	SmallMemory int64
	// SmallReviews and LargeReviews are how many bytes of memory may be taken by reviews at work, as far as can be told
	// from their size and their objects.
	SmallReviews, LargeReviews int64
	// Depth is how deep JSON may nest, Objects how many objects and lists it may have, Values how many values: three
	// bytes of text can become a whole container.
	Depth, Objects, Values int
	// Header is the most bytes of a request's header.
	Header int
	// HeaderTime is how long a connection may take for its handshake, and then for the header of a request; BodyTime
	// for header and body; AnswerTime to take our answer; IdleTime between two requests. The last is longer than the 90
	// seconds of API servers, so that none calls on a connection that is just being closed.
	HeaderTime, BodyTime, AnswerTime, IdleTime time.Duration
	// Wait is how long a request waits at a gate before it is answered 503.
	Wait time.Duration
	// SmallWaiting and LargeWaiting are how many requests of one address wait.
	SmallWaiting, LargeWaiting int
	// Handshakes may be signed at once: on half of the CPUs, so that whoever only shakes hands leaves the others to
	// reviews.
	Handshakes int
}

const (
	kib = int64(1) << 10
	mib = int64(1) << 20

	// smallBody is more than all but a few Pods take.
	smallBody = 64 * kib
	// defaultMemory is assumed where no limit is known: the chart's default.
	defaultMemory = 256 * mib
	// leastMemory is what the limits are made for at least, mostMemory at most: more connections than that are no good
	// sign.
	leastMemory, mostMemory = 64 * mib, 1024 * mib
)

// LimitsFor returns limits for a process that may take so many bytes of memory. Connections take a third, and large
// bodies and reviews another, if all of it is used to the full: what is left holds the caches.
func LimitsFor(memory int64) Limits {
	if memory <= 0 || memory == math.MaxInt64 {
		memory = defaultMemory
	}
	memory = min(max(memory, leastMemory), mostMemory)
	return Limits{
		Connections:  int(memory / 3 / connectionMemory),
		Body:         3 * mib,
		SmallBody:    smallBody,
		LargeBodies:  memory / 16,
		SmallMemory:  2 * mib,
		SmallReviews: memory / 10,
		LargeReviews: memory / 6,
		Depth:        100,
		Objects:      10_000,
		Values:       100_000,
		Header:       16 << 10,
		HeaderTime:   5 * time.Second,
		BodyTime:     8 * time.Second,
		AnswerTime:   5 * time.Second,
		IdleTime:     2 * time.Minute,
		Wait:         time.Second,
		SmallWaiting: 200,
		LargeWaiting: 16,
		Handshakes:   max(1, runtime.GOMAXPROCS(0)/2),
	}
}

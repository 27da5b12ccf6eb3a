package serve

import (
	"math"
	"runtime"
	"time"
)

// Limits bound what the port may cost. The zero value is not usable; see
// LimitsFor.
type Limits struct {
	// Connections may be open at once, half of them from one address.
	Connections int
	// Body is the most bytes of a request. etcd stores objects of at most 1.5 MiB,
	// and a review holds two of them at most, before and after a change.
	Body int64
	// SmallBody is how large a body may be that goes by the gates for small ones,
	// and SmallMemory what decoding it may take.
	SmallBody, SmallMemory int64
	// SmallBodies and LargeBodies are how many bytes of bodies may be in flight.
	SmallBodies, LargeBodies int64
	// SmallReviews and LargeReviews are how many bytes of memory may be taken by
	// reviews at work, as far as can be told from their size and their objects.
	SmallReviews, LargeReviews int64
	// Depth is how deep JSON may nest, Objects how many objects and lists it may
	// have, Values how many values: three bytes of text can become a whole container.
	Depth, Objects, Values int
	// Header is the most bytes of a request's header.
	Header int
	// HeaderTime is how long a connection may take for its handshake, and then for
	// the header of a request; BodyTime for header and body; AnswerTime to take our
	// answer; IdleTime between two requests. The last is longer than the 90 seconds
	// of API servers, so that none calls on a connection that is just being closed.
	HeaderTime, BodyTime, AnswerTime, IdleTime time.Duration
	// Wait is how long a request waits at a gate before it is answered 503.
	Wait time.Duration
	// SmallWaiting and LargeWaiting are how many requests of one address wait.
	SmallWaiting, LargeWaiting int
	// Handshakes may be signed at once.
	Handshakes int
}

const (
	kib = int64(1) << 10
	mib = int64(1) << 20

	// connectionMemory is about what an open connection takes: its stack, its
	// buffers and its TLS.
	connectionMemory = 64 * kib
	// defaultMemory is assumed where no limit is known: the chart's default.
	defaultMemory = 256 * mib
	// leastMemory is what the limits are made for at least, mostMemory at most: more
	// connections than that are no good sign.
	leastMemory, mostMemory = 64 * mib, 1024 * mib
)

// LimitsFor returns limits for a process that may take so many bytes of memory.
// Connections take a quarter, and bodies and reviews somewhat more, if all of it
// is used to the full: what is left holds the caches.
func LimitsFor(memory int64) Limits {
	if memory <= 0 || memory == math.MaxInt64 {
		memory = defaultMemory
	}
	memory = min(max(memory, leastMemory), mostMemory)
	return Limits{
		Connections:  int(memory / 4 / connectionMemory),
		Body:         3 * mib,
		SmallBody:    64 * kib,
		SmallMemory:  2 * mib,
		SmallBodies:  memory / 32,
		LargeBodies:  memory / 16,
		SmallReviews: memory / 8,
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
		Handshakes:   2 * runtime.GOMAXPROCS(0),
	}
}

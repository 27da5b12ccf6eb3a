// SPDX-License-Identifier: Apache-2.0

// Package serve is the port that API servers call. Anybody who reaches the Pod network reaches it too, so it is built
// to go on answering API servers while others do their worst:
//
//	connection -> table: so much memory in all, which addresses share once it is taken
//	handshake  -> gate:  signatures take turns between addresses
//	header     -> time limit; client certificate, if one is demanded
//	body       -> size limit, time limit; large ones: gate of bytes in flight
//	JSON       -> depth and number of objects, counted before anything decodes it
//	review     -> gate of memory, by what decoding this body takes
//
// A gate gives at most half of itself to one address, and lets addresses take turns: whoever floods us waits for
// himself. Small reviews have gates of their own, so that large ones, even those of an API server, never hold them up.
// Who waits for longer than a second is answered 503 with Retry-After, which API servers heed within their own time
// limit.
//
// An answer that is no AdmissionReview is a failed call to an API server, and failurePolicy decides: where injection is
// enforced no Pod comes to be, elsewhere it does, and the operator reports it.
//
// HTTP/2 is not offered: API servers call Services with HTTP/1.1, so that each connection is one request at a time, and
// counting connections counts requests. Of the connections that a burst opens an API server keeps 25 and closes the
// others after one review, so most reviews of a burst come with a handshake. None of them may be closed for another:
// that would be a Pod without its sidecars.
package serve

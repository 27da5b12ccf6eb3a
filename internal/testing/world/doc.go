// SPDX-License-Identifier: Apache-2.0

// Package world is a small cluster for the tests of all controllers: a store that takes writes as the API server does,
// a cache that lags behind it and is trimmed as in the program, a scheduler, kubelets and the images that nodes have
// pulled, the disruption controller, the garbage collector, and the webhook of Pods. Nothing in it starts a goroutine or reads a clock: what happens, and when, is for the test to say, so
// that a seed tells a whole history.
//
//	Store     what is stored, and who is told of it     Client  writes as the API server takes them, and may refuse
//	Cache     what a controller reads                   Nodes   the scheduler, kubelets, volumes, garbage collection
//	Queue     what a controller has still to look at    Webhook the admission of Pods, with an index that may be old
package world

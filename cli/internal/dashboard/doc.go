// SPDX-License-Identifier: Apache-2.0

// Package dashboard serves web pages that show what the commands print: the same answers, made by the same functions of
// package view, of a cluster that is watched.
//
//	watch -> read.Cluster -> view -> page (a tree of nodes) -> HTML
//	                                   └─ difference to what a browser has -> server-sent events
//
// The pages need no scripts. With scripts they stay up to date: each browser gets the nodes of its page that have
// changed, a few times per second at most.
package dashboard

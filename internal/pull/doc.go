// SPDX-License-Identifier: Apache-2.0

// Package pull decides which nodes are to pull an image before a container restarts with it, and what is known of that.
// It is pure.
//
// A puller is one short Pod on one node, made as NewPod says. Its command is a path that no image has, so that nothing of
// the image runs: the kubelet pulls first, and what it reports of the container says whether it could. Judge reads that.
//
//	Input: what is wanted, what is known (Known), the candidates in their order
//	  |
//	 Book --Ask--> may this Pod go, as far as its images are concerned?
//	  |
//	 Plan: the pullers to make and to delete, and what is to be said
//
// # Two phases
//
// Before anything restarts with an image, one node must have it: the nodes of the candidates are tried one after the
// other, three at most. When none of them can get it, nothing restarts, and they are tried again after 1, 2, 4, ... 10
// minutes. With EveryNode, each node pulls before a Pod of its restarts.
//
// A namespace that could not get an image where it last tried, while another one could, may lack a pull secret. Its Pods
// wait until a puller of its own has the image on their nodes; all others go on.
//
// A puller that could not be made, or that its kubelet did not take, says nothing of the image. Then one in another
// namespace, or on another node, is tried, three at most. When all of them say nothing, the Pods go: a guard must not stop
// what would work without it.
package pull

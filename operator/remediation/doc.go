// SPDX-License-Identifier: Apache-2.0

// Package remediation moves Pods of StatefulSets that cannot start because of their node: it excludes the node for the
// set through a SchedPatch, waits until every replica of the webhook applies that, and deletes the stuck Pod, so that
// its replacement starts elsewhere. It is called from the StatefulSet's controller in each look at a set, and writes no
// status of its own.
//
//	Input ──gatherer──▶ Snapshot ──decide──▶ Plan ──executor──▶ done
//	 (of the set)  ▲                          │
//	               └────── again, until there is nothing left to do now
//
// Every decision rests on live objects: Pods, Nodes, and the record that the SchedPatch carries in an annotation. The
// intent is written before it is carried out. The exclusion of the node and the attempt, with the Pod's UID, get into
// the SchedPatch in one write; then the webhooks are asked; then the Pod is deleted, if it is still as it was seen. An
// operator that starts between any two of these steps goes on where the last one stopped:
//
//	the record has no attempt                        → decide
//	the attempt's Pod is there and has not started   → ask the webhooks, delete
//	the attempt's Pod has started after all          → nothing was done; forget it
//	the attempt's Pod is gone                        → done; wait for the new one
//
// Limits of the whole cluster are counted from the operator's own ledger, a Lease in its namespace, and not from
// memory: the records of other sets prove nothing, since they are kept where tenants write. What is entered there
// precedes what is done as well.
package remediation

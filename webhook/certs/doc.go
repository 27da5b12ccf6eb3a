// SPDX-License-Identifier: Apache-2.0

// Package certs provides the certificates that the webhook serves with, and keeps the CA in the webhook configurations
// or waits until somebody else has.
//
// Two providers can make them: the program itself (self) and cert-manager. Each has a Secret of its own. While an
// installation moves from one to the other, and while a CA is replaced, replicas of before and after serve side by side
// and API servers change over from one caBundle to the next at moments that nobody knows. No admission may fail
// meanwhile, so every replica
//
//   - watches both Secrets and both configurations, whoever its provider is,
//   - serves a certificate that the caBundles it sees trust, the coming one if
//     it can,
//   - and lets the CA whose key it has cross-sign the coming one: the chain that
//     it serves ends in either.
//
// For example from self (CA A, whose key all replicas can read) to cert-manager (CA B):
//
//	Secret of cert-manager is filled   serve leaf(B) + "B, says A"
//	caBundle is A, then B              both trust that chain
//	Secret of self is deleted          still so, A's key is in memory
//	a minute after A was last trusted  serve leaf(B)
//
// and back, where the new CA C of self cross-signs B until B is in no caBundle:
//
//	Secret of self is filled           serve leaf(B) + "B, says C"
//	caBundle is B, then C              both trust that chain
//	a minute after B was last trusted  serve leaf(C)
package certs

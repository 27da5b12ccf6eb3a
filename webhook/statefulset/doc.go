// SPDX-License-Identifier: Apache-2.0

// Package statefulset is the admission of Advanced StatefulSets.
//
// Defaults are those of the CRD's schema alone: there is no mutating webhook, and nobody ever writes into a template. A
// manifest of apps/v1 is accepted with nothing changed but its apiVersion.
//
// # What is refused
//
// When a StatefulSet is created or changed:
//
//   - a name that leaves no room for Pods to be named <name>-<ordinal>, which is
//     also their hostname of at most 63 characters;
//   - a selector that is missing, empty or malformed, or does not match the labels
//     of the template;
//   - a template that Kubernetes would refuse in a StatefulSet of apps/v1, validated
//     with its defaults and the volumes of the claim templates: restartPolicy other
//     than Always, activeDeadlineSeconds, mounts of missing volumes, ...;
//   - a claim template that Kubernetes would refuse as a claim, has no name, a name
//     that no volume can have, or the name of another;
//   - reserved ordinals below 0, ranges that are not "<low>-<high>", and ordinals
//     that would pass 2147483647;
//   - words and numbers outside of what the field allows: podManagementPolicy, the
//     two kinds of update strategy, podUpdatePolicy, partition, maxUnavailable (a
//     number from 1 up, or 1% to 100%), minReadySeconds, replicas, ...;
//   - unorderedUpdate, or scaleStrategy.maxUnavailable other than 1, without
//     podManagementPolicy Parallel. rollingUpdate.maxUnavailable needs none;
//   - a priorityStrategy with orders and weights at once, weights outside of 0 to
//     100, selectors that are empty and keys that cannot be labels;
//   - a lifecycle hook that names no label and no finalizer, or one that no Pod can
//     carry. No readiness gate is asked for: Pods get it from the operator;
//   - a value of the label policy.kruise.io/delete-protection other than Always and
//     Cascading.
//
// When it is changed, also:
//
//   - selector, serviceName and podManagementPolicy (by the CRD);
//   - under podUpdatePolicy InPlaceOnly, a change of the template that running Pods
//     cannot take, with the path of every field that stands in the way;
//   - under volumeClaimUpdateStrategy OnPodRollingUpdate, claim templates that are
//     removed, renamed, made smaller or changed in anything of their spec but the
//     size, and larger ones whose StorageClass is missing or does not have
//     allowVolumeExpansion: true. Templates may be added.
//
// What a stored object has wrong already is not refused as long as the change leaves it as it is; a warning tells of
// it. An object that is being deleted is never refused.
//
// When it is deleted: by the label policy.kruise.io/delete-protection, Always in any case and Cascading while
// spec.replicas is above 0, whatever the deletion would do with the Pods. There are two deletions that the label does
// not stop. That of the namespace takes Pods and claims along without asking, so that a refusal would only keep the
// emptied namespace from going away. And that of the CRD asks nobody; the chart keeps the CRDs when it is uninstalled.
//
// The scale and status subresources are not validated, nor is a write that changes neither labels nor spec. So while no
// webhook answers, autoscalers, the operator and whoever annotates go on; only changes of the spec and deletions of
// protected sets wait.
package statefulset

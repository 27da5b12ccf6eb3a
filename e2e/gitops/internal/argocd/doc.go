// SPDX-License-Identifier: Apache-2.0

// Package argocd runs Argo CD's two programs that sync, repo-server and application-controller, as plain processes
// beside a cluster, and installs in the cluster the few objects that they need. There is no API server of Argo CD and
// no user interface: Applications are written and read with kubectl's means, as people do who keep them in Git.
package argocd

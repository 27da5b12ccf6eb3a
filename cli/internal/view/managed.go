// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What Argo CD and Flux leave in the objects that they manage.
const (
	argoTracking      = "argocd.argoproj.io/tracking-id"
	argoInstance      = "app.kubernetes.io/instance"
	fluxKustomization = "kustomize.toolkit.fluxcd.io/"
	fluxHelmRelease   = "helm.toolkit.fluxcd.io/"
)

// argoManagers and fluxManagers are the names under which they own fields.
var (
	argoManagers = []string{"argocd-controller", "argocd-application-controller"}
	fluxManagers = []string{"kustomize-controller", "helm-controller"}
)

// Manager is who brings an object back to what Git says.
type Manager struct {
	// Tool is Argo CD or Flux, Object what of it manages the object, such as Application shop; "" where that is not known.
	Tool, Object string
}

// String names the manager for people.
func (m *Manager) String() string {
	if m.Object == "" {
		return m.Tool
	}
	return fmt.Sprintf("%s (%s)", m.Tool, m.Object)
}

// Claim says of an object that it is managed.
func (m *Manager) Claim(ref Ref) string {
	return fmt.Sprintf("%s is managed by %s, which may bring it back to what Git says.", ref, m)
}

// ManagedBy finds who manages an object, nil for nobody that is known here.
func ManagedBy(object metav1.Object) *Manager {
	labels := object.GetLabels()
	application, tracked, _ := strings.Cut(object.GetAnnotations()[argoTracking], ":")
	switch {
	case tracked != "" && strings.HasSuffix(tracked, "/"+object.GetName()): // not copied from another object
		return &Manager{"Argo CD", "Application " + application}
	case labels[fluxKustomization+"name"] != "":
		return &Manager{"Flux", fluxObject("Kustomization", labels, fluxKustomization)}
	case labels[fluxHelmRelease+"name"] != "":
		return &Manager{"Flux", fluxObject("HelmRelease", labels, fluxHelmRelease)}
	case writtenBy(object, argoManagers) && labels[argoInstance] != "":
		return &Manager{"Argo CD", "Application " + labels[argoInstance]}
	case writtenBy(object, argoManagers):
		return &Manager{Tool: "Argo CD"}
	case writtenBy(object, fluxManagers):
		return &Manager{Tool: "Flux"}
	}
	return nil
}

func fluxObject(kind string, labels map[string]string, prefix string) string {
	return fmt.Sprintf("%s %s/%s", kind, labels[prefix+"namespace"], labels[prefix+"name"])
}

// writtenBy reports whether one of some managers owns fields of the object, other than of its status.
func writtenBy(object metav1.Object, managers []string) bool {
	return slices.ContainsFunc(object.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Subresource == "" && slices.Contains(managers, entry.Manager)
	})
}

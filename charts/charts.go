// SPDX-License-Identifier: Apache-2.0

// Package charts is what the chart says of itself, for programs that say the same: which clusters it is for, and when it
// refuses to be installed.
package charts

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"
)

// What is written on objects of the chart.
const (
	Label    = "app.kubernetes.io/part-of"
	Windlass = "windlass"
	// ComponentLabel says which of the programs an object is for, Operator or Webhook.
	ComponentLabel = "app.kubernetes.io/component"
	// VersionLabel is the release of the programs, ChartLabel the chart's name and version.
	VersionLabel = "app.kubernetes.io/version"
	ChartLabel   = "helm.sh/chart"
	// ReleaseAnnotation and NamespaceAnnotation are by what Helm knows whose an object is.
	ReleaseAnnotation   = "meta.helm.sh/release-name"
	NamespaceAnnotation = "meta.helm.sh/release-namespace"
)

// The two programs.
const (
	Operator = "operator"
	Webhook  = "webhook"
)

// What OpenKruise has in a cluster: its MutatingWebhookConfiguration and its Deployment.
const (
	OpenKruise           = "kruise-mutating-webhook-configuration"
	OpenKruiseController = "kruise-controller-manager"
)

// nameLength is how many characters of a release's name the names of its objects begin with.
const nameLength = 44

//go:embed windlass/Chart.yaml windlass/files/refusals.yaml
var files embed.FS

// read reads a file of the chart. It is part of the program, and tests read it.
func read(name string, into any) {
	text, err := files.ReadFile("windlass/" + name)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		panic(fmt.Sprintf("the chart's %s: %v", name, err))
	}
}

// OldestKubernetes is the oldest version of Kubernetes that the chart is for.
func OldestKubernetes() *version.Version {
	chart := struct {
		KubeVersion string `json:"kubeVersion"`
	}{}
	read("Chart.yaml", &chart)
	return version.MustParseGeneric(strings.TrimPrefix(chart.KubeVersion, ">="))
}

// Definitions are the names of our CustomResourceDefinitions, in the order in which the chart asks for them.
func Definitions() []string {
	return []string{"sidecarsets.apps.kruise.io", "statefulsets.apps.kruise.io", "schedpatches.apps.kruise.io"}
}

// Release is one that is to be installed.
type Release struct {
	Name, Namespace string
	// Adopt is the value crds.adopt.
	Adopt bool
}

// Refusal is why the chart refuses to be installed.
type Refusal struct {
	// Object is what stands in the way.
	Object string
	// Says is the chart's sentence: the first line says what is wrong, those after it what to do.
	Says string
}

// sentences are those of files/refusals.yaml.
type sentences struct {
	OpenKruise, Installed, Converted, Leaving, Taken, Release, NoRelease, NotOurs string
}

// Refusals are why the chart refuses to be installed in a cluster with these objects, with the values that it has by
// default. It says the first of them, when Helm can look the objects up.
func (r Release) Refusals(
	configurations []admissionregistrationv1.MutatingWebhookConfiguration, definitions []apiextensionsv1.CustomResourceDefinition,
) []Refusal {
	says := &sentences{}
	read("files/refusals.yaml", says)
	var out []Refusal
	refuse := func(object, format string, args ...any) {
		out = append(out, Refusal{object, fmt.Sprintf(format, args...)})
	}
	for i := range configurations {
		object := "MutatingWebhookConfiguration " + configurations[i].Name
		switch {
		case configurations[i].Name == OpenKruise:
			refuse(object, "%s", says.OpenKruise)
		case r.another(&configurations[i]):
			refuse(object, says.Installed, configurations[i].Name, says.owner(&configurations[i]))
		}
	}
	for _, name := range Definitions() {
		at := slices.IndexFunc(definitions, func(d apiextensionsv1.CustomResourceDefinition) bool { return d.Name == name })
		if at < 0 {
			continue
		}
		object, definition := "CustomResourceDefinition "+name, &definitions[at]
		switch conversion := definition.Spec.Conversion; {
		case conversion != nil && conversion.Strategy == apiextensionsv1.WebhookConverter:
			refuse(object, says.Converted, name)
		case !definition.DeletionTimestamp.IsZero():
			refuse(object, says.Leaving, name)
		case !r.owns(definition) && !r.Adopt:
			refuse(object, says.Taken, name, says.definitionOwner(definition))
		}
	}
	return out
}

// owns reports whether an object is this release's.
func (r Release) owns(object metav1.Object) bool {
	annotations := object.GetAnnotations()
	return annotations[ReleaseAnnotation] == r.Name && annotations[NamespaceAnnotation] == r.Namespace
}

// another reports whether a configuration is that of another installation. What no release has, and would become ours by
// its name, is left to Helm to judge.
func (r Release) another(configuration metav1.Object) bool {
	nobodys := configuration.GetAnnotations()[ReleaseAnnotation] == "" && configuration.GetName() == r.fullName()
	return Ours(configuration) && !r.owns(configuration) && !nobodys
}

// fullName is what the names of the release's objects begin with.
func (r Release) fullName() string {
	name := r.Name
	if !strings.Contains(name, Windlass) {
		name += "-" + Windlass
	}
	return strings.TrimSuffix(name[:min(len(name), nameLength)], "-")
}

// Ours reports whether an object is the chart's, whichever release has it.
func Ours(object metav1.Object) bool { return object.GetLabels()[Label] == Windlass }

func (s *sentences) owner(object metav1.Object) string {
	annotations := object.GetAnnotations()
	if annotations[ReleaseAnnotation] == "" {
		return s.NoRelease
	}
	return fmt.Sprintf(s.Release, annotations[ReleaseAnnotation], annotations[NamespaceAnnotation])
}

func (s *sentences) definitionOwner(object metav1.Object) string {
	if Ours(object) {
		return s.owner(object)
	}
	return s.owner(object) + s.NotOurs
}

// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/crds"
	"github.com/windlass-operator/windlass/charts"
	"github.com/windlass-operator/windlass/internal/pods"
)

// reinstall brings back what somebody has taken away.
const reinstall = "helm upgrade with the values of the installation brings it back; under Argo CD or Flux, sync"

// installed says which installation is looked at.
func installed(f *Facts) []Check {
	const name = "installation"
	if f.Installation != nil {
		return []Check{passed(name, "%s in namespace %s", f.Installation.Name, f.Installation.Namespace)}
	}
	unread := append(f.Programs.unread(name), f.Mutating.unread(name)...)
	if len(unread) > 0 {
		unread[0].Hint = "name the operator's namespace with --operator-namespace"
		return unread[:1]
	}
	return []Check{failed(name, "whether the cluster is fit for one: kubectl windlass check --pre", "there is none in this cluster")}
}

// definitions are the operator's own checks of them.
func definitions(_ *Facts, i *Installation) []Check {
	var out []Check
	for d := range i.Definitions {
		out = append(out, probed(&i.Definitions[d], "")...)
	}
	return out
}

// schemas compares those of the cluster with those of this program.
func schemas(f *Facts, _ *Installation) []Check {
	const name = "schemas"
	if unread := f.Definitions.unread(name); unread != nil {
		return unread
	}
	var differ []string
	compared := 0
	for _, wanted := range charts.Definitions() {
		at := slices.IndexFunc(f.Definitions.Value, func(d apiextensionsv1.CustomResourceDefinition) bool { return d.Name == wanted })
		if at < 0 {
			continue // said already
		}
		compared++
		found := &f.Definitions.Value[at]
		if !sameSchemas(found) {
			differ = append(differ, fmt.Sprintf("%s (of release %s)", found.Name, cmp.Or(found.Labels[charts.VersionLabel], "unknown")))
		}
	}
	switch {
	case compared == 0:
		return nil
	case len(differ) > 0:
		return []Check{warned(name, "upgrade the chart with crds.install, or take the plug-in of the installation's release",
			"those of %s are not the ones of this plug-in, which is of release %s", strings.Join(differ, ", "), f.Plugin)}
	}
	return []Check{passed(name, "they are the ones of this plug-in")}
}

// sameSchemas reports whether a definition has the schemas that this program has for its kind.
func sameSchemas(found *apiextensionsv1.CustomResourceDefinition) bool {
	text, err := crds.FS.ReadFile("apps.kruise.io_" + found.Spec.Names.Plural + ".yaml")
	known := &apiextensionsv1.CustomResourceDefinition{}
	if err != nil || yaml.Unmarshal(text, known) != nil {
		return false
	}
	schema := func(d *apiextensionsv1.CustomResourceDefinition, version string) *apiextensionsv1.CustomResourceValidation {
		for i := range d.Spec.Versions {
			if d.Spec.Versions[i].Name == version {
				return d.Spec.Versions[i].Schema
			}
		}
		return nil
	}
	for i := range known.Spec.Versions {
		version := known.Spec.Versions[i].Name
		if !equality.Semantic.DeepEqual(schema(known, version), schema(found, version)) {
			return false
		}
	}
	return true
}

// programs are the operator's own checks of the Deployments, and what keeps their Pods from running.
func programs(_ *Facts, i *Installation) []Check {
	var out []Check
	for _, p := range i.Programs {
		out = append(out, probed(p.Probed, p.trouble(i.Namespace))...)
	}
	return out
}

// trouble says what is wrong with the Pods of a program, and what to type where there are none.
func (p *Program) trouble(namespace string) string {
	var out []string
	for i := range p.Pods.Value {
		pod := &p.Pods.Value[i]
		if trouble := pods.Trouble(pod); trouble != "" && pod.DeletionTimestamp == nil {
			out = append(out, fmt.Sprintf("Pod %s: %s", pod.Name, trouble))
		}
	}
	if len(out) == 0 && p.Deployment != nil && ptr.Deref(p.Deployment.Spec.Replicas, 1) == 0 {
		return fmt.Sprintf("kubectl scale deployment %s -n %s --replicas=2", p.Deployment.Name, namespace)
	}
	return strings.Join(out, "\n")
}

// leader says whether one of the operator's replicas works.
func leader(f *Facts, i *Installation) []Check {
	const name = "leader"
	operator := i.program(charts.Operator)
	switch {
	case operator.argument("leader-elect") == "false":
		return []Check{passed(name, "none is elected: the operator runs with --leader-elect=false")}
	case i.Lease.Denied != "":
		return i.Lease.unread(name)
	case i.Lease.Err != nil:
		return []Check{failed(name, operatorLogs(i, operator), "no replica of the operator was ever elected: %s", i.Lease.Err)}
	}
	lease := i.Lease.Value
	holder, _, _ := strings.Cut(ptr.Deref(lease.Spec.HolderIdentity, ""), "_")
	at := written(lease)
	if at.IsZero() && lease.Spec.RenewTime != nil {
		at = lease.Spec.RenewTime.Time
	}
	quiet := f.Now.Sub(at).Round(time.Second)
	switch limit := time.Duration(ptr.Deref(lease.Spec.LeaseDurationSeconds, 15)) * time.Second; {
	case holder == "":
		return []Check{failed(name, operatorLogs(i, operator), "none: no replica of the operator holds Lease %s/%s", lease.Namespace, lease.Name)}
	case quiet > limit+time.Second: // times are of whole seconds
		return []Check{failed(name, operatorLogs(i, operator), "%s was the last one, and has said nothing for %s", holder, quiet)}
	}
	return []Check{passed(name, "%s", holder)}
}

func operatorLogs(i *Installation, operator *Program) string {
	return fmt.Sprintf("kubectl logs -n %s deployment/%s", i.Namespace, operator.name())
}

// rights asks whether the programs may do what they have to.
func rights(_ *Facts, i *Installation) []Check {
	var out []Check
	for _, p := range i.Programs {
		name := "rights of the " + p.Component
		switch unread := p.Missing.unread(name); {
		case unread != nil:
			out = append(out, unread...)
		case len(p.Missing.Value) > 0:
			out = append(out, failed(name, reinstall, "its service account may not %s", rightTexts(p.Missing.Value)))
		default:
			out = append(out, passed(name, "it has them"))
		}
	}
	return out
}

// releases compares those of the programs, of the chart and of this program.
func releases(f *Facts, i *Installation) []Check {
	const name = "releases"
	var all []string
	versions := map[string]bool{}
	for _, p := range i.Programs {
		if p.Deployment == nil {
			continue
		}
		release := p.Deployment.Labels[charts.VersionLabel]
		versions[release] = true
		all = append(all, fmt.Sprintf("%s %s (chart %s, image %s)", p.Component, cmp.Or(release, "unknown"),
			strings.TrimPrefix(cmp.Or(p.Deployment.Labels[charts.ChartLabel], "unknown"), "windlass-"), p.image()))
	}
	said := strings.Join(append(all, "plug-in "+f.Plugin), ", ")
	switch {
	case len(all) == 0:
		return nil
	case len(versions) > 1:
		return []Check{warned(name, "see whether an upgrade was left half done: helm history, kubectl rollout status",
			"the programs are of two: %s", said)}
	case f.Plugin != "dev" && !versions[f.Plugin]:
		return []Check{warned(name, "take the plug-in of the installation's release: it knows what that one knows", "they differ: %s", said)}
	}
	return []Check{passed(name, "%s", said)}
}

// budgets says whether a drain of nodes spares the programs, and is not held up by them.
func budgets(_ *Facts, i *Installation) []Check {
	const name = "disruption budgets"
	if unread := i.Budgets.unread(name); unread != nil {
		return unread
	}
	var without, blocking []string
	several := 0
	for _, p := range i.Programs {
		if p.Deployment == nil || ptr.Deref(p.Deployment.Spec.Replicas, 1) < 2 {
			continue
		}
		several++
		covered := false
		for b := range i.Budgets.Value {
			budget := &i.Budgets.Value[b]
			if budget.Labels[charts.ComponentLabel] != p.Component {
				continue
			}
			covered = true
			healthy := budget.Status.CurrentHealthy >= ptr.Deref(p.Deployment.Spec.Replicas, 1)
			if healthy && budget.Status.DisruptionsAllowed == 0 {
				blocking = append(blocking, budget.Name)
			}
		}
		if !covered {
			without = append(without, p.Component)
		}
	}
	switch {
	case several == 0:
		return nil // there is nothing to spare
	case len(blocking) > 0:
		return []Check{warned(name, "set the chart's value podDisruptionBudget.maxUnavailable of the program",
			"%s allows no eviction although all its Pods are healthy, so no node of theirs can be drained", strings.Join(blocking, ", "))}
	case len(without) > 0:
		return []Check{warned(name, "set the chart's value podDisruptionBudget.enabled of the program",
			"a drain of nodes may take all replicas at once of the %s", strings.Join(without, " and the "))}
	}
	return []Check{passed(name, "a drain of nodes leaves replicas of both programs")}
}

// program is one of the two; never nil.
func (i *Installation) program(component string) *Program {
	for _, p := range i.Programs {
		if p.Component == component {
			return p
		}
	}
	return &Program{Component: component}
}

func (p *Program) name() string {
	if p.Deployment == nil {
		return "windlass-" + p.Component
	}
	return p.Deployment.Name
}

// image is what the program's container runs.
func (p *Program) image() string {
	for i := range p.Deployment.Spec.Template.Spec.Containers {
		if c := &p.Deployment.Spec.Template.Spec.Containers[i]; c.Name == p.Component {
			return c.Image
		}
	}
	return "unknown"
}

// argument is the value of a flag of the program, as the chart gives it: --flag=value; "" where it is not given.
func (p *Program) argument(flag string) string {
	if p.Deployment == nil {
		return ""
	}
	for i := range p.Deployment.Spec.Template.Spec.Containers {
		for _, argument := range p.Deployment.Spec.Template.Spec.Containers[i].Args {
			if value, is := strings.CutPrefix(argument, "--"+flag+"="); is {
				return value
			}
		}
	}
	return ""
}

// Argument is the value of a flag of a program, "" where it is not given or not known.
func (i *Installation) Argument(component, flag string) string {
	return i.program(component).argument(flag)
}

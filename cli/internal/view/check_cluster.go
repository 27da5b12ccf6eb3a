// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/charts"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/operator/report"
)

// askew is how far two clocks may be apart. What people read is then wrong by less than they notice, and no deadline of
// ours is as short.
const askew = 10 * time.Second

// kubernetes compares the version of the API server with those that the chart is for.
func kubernetes(f *Facts) []Check {
	const name = "Kubernetes"
	oldest := charts.OldestKubernetes()
	needed := fmt.Sprintf("%d.%d", oldest.Major(), oldest.Minor())
	running, err := version.ParseGeneric(f.Server.GitVersion)
	switch {
	case err != nil:
		return []Check{warned(name, "", "its version %q cannot be read; %s or newer is needed", f.Server.GitVersion, needed)}
	case running.LessThan(oldest):
		return []Check{failed(name, "upgrade the cluster first", "%s, and %s or newer is needed", f.Server.GitVersion, needed)}
	case version.MustParseGeneric(f.Newest).LessThan(version.MajorMinor(running.Major(), running.Minor())):
		return []Check{warned(name, "see whether there is a newer release of Windlass",
			"%s, and this release was built for versions up to %s", f.Server.GitVersion, f.Newest)}
	}
	return []Check{passed(name, "%s; %s or newer is needed", f.Server.GitVersion, needed)}
}

// admissionGroup is the version of the API by which webhooks and policies are installed.
const admissionGroup = "admissionregistration.k8s.io/v1"

// admissionAPI asks for what the chart installs of it.
func admissionAPI(f *Facts) []Check {
	const name = "admission API"
	if unread := f.Serves.unread(name); unread != nil {
		return unread
	}
	needed := []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "validatingadmissionpolicies"}
	missing := slices.DeleteFunc(needed, func(resource string) bool { return slices.Contains(f.Serves.Value[admissionGroup], resource) })
	if len(missing) > 0 {
		return []Check{failed(name, "the API server must not be started with a --runtime-config that turns it off",
			"the API server does not serve %s of %s", strings.Join(missing, ", "), admissionGroup)}
	}
	return []Check{passed(name, "%s has webhooks and policies", admissionGroup)}
}

// resize asks whether resources of running Pods can be changed.
func resize(f *Facts) []Check {
	const name = "resize in place"
	if unread := f.Serves.unread(name); unread != nil {
		return unread
	}
	if !slices.Contains(f.Serves.Value["v1"], "pods/resize") {
		return []Check{warned(name, "Kubernetes 1.33 or newer serves it",
			"the API server does not serve pods/resize: cpu and memory of a Pod change only when it is recreated")}
	}
	return []Check{passed(name, "the API server serves pods/resize")}
}

// kubelets counts them by version, and says what the old ones cannot do.
func kubelets(f *Facts) []Check {
	const name = "kubelets"
	if unread := f.Nodes.unread(name); unread != nil {
		return unread
	}
	if len(f.Nodes.Value) == 0 {
		return []Check{warned(name, "", "there is no node, so nothing runs")}
	}
	byVersion, unable := map[string]int{}, []string{}
	for i := range f.Nodes.Value {
		node := &f.Nodes.Value[i]
		byVersion[node.Status.NodeInfo.KubeletVersion]++
		unable = append(unable, cannot(node)...)
	}
	var counts []string
	for _, v := range slices.Sorted(maps.Keys(byVersion)) {
		counts = append(counts, report.Count(byVersion[v], "node")+" at "+v)
	}
	if len(unable) > 0 {
		return []Check{warned(name, "upgrade the kubelets; until then such Pods get the change when they are recreated",
			"%s. What is not done in place: %s", strings.Join(counts, ", "), report.NamesUpTo(2, unable))}
	}
	return []Check{passed(name, "%s", strings.Join(counts, ", "))}
}

// cannot says what a node's kubelet is too old for.
func cannot(node *corev1.Node) []string {
	var out []string
	kubelet := node.Status.NodeInfo.KubeletVersion
	for _, obstacle := range []string{inplace.ResizeVersionObstacle(node.Name, kubelet), inplace.NativeSidecarObstacle(node.Name, kubelet)} {
		if obstacle != "" {
			out = append(out, obstacle)
		}
	}
	return out
}

// clocks compares those of nodes with the API server's. A kubelet writes its own time into its Lease, and the API server
// notes by its own when.
func clocks(f *Facts) []Check {
	const name = "clocks"
	if unread := f.NodeLeases.unread(name); unread != nil {
		return unread
	}
	var wrong []string
	if f.Ahead.Abs() > askew {
		wrong = append(wrong, "this machine is "+apart(f.Ahead))
	}
	seen := 0
	for i := range f.NodeLeases.Value {
		lease := &f.NodeLeases.Value[i]
		at := written(lease)
		if lease.Spec.RenewTime == nil || at.IsZero() {
			continue
		}
		seen++
		if ahead := lease.Spec.RenewTime.Sub(at); ahead.Abs() > askew {
			wrong = append(wrong, fmt.Sprintf("node %s is %s", lease.Name, apart(ahead)))
		}
	}
	if len(wrong) > 0 {
		return []Check{warned(name, "let all machines have their time from the same servers: chronyc tracking, timedatectl",
			"measured by the API server's, %s", report.NamesUpTo(report.MaxNamed, wrong))}
	}
	return []Check{passed(name, "this machine, and %s by their leases, are at most %s from the API server", report.Count(seen, "node"), askew)}
}

// apart says how far a clock is from another one.
func apart(ahead time.Duration) string {
	if ahead < 0 {
		return (-ahead).Round(time.Second).String() + " behind"
	}
	return ahead.Round(time.Second).String() + " ahead"
}

// written is when an object was written last, by the API server's clock, to the second.
func written(lease *coordinationv1.Lease) (last time.Time) {
	for i := range lease.ManagedFields {
		if at := lease.ManagedFields[i].Time; at != nil && at.After(last) {
			last = at.Time
		}
	}
	return last
}

// openKruise asks who else serves our kinds.
func openKruise(f *Facts) []Check {
	const name = "OpenKruise"
	if unread := f.OpenKruise.unread(name); unread != nil {
		return unread
	}
	for i := range f.OpenKruise.Value {
		deployment := &f.OpenKruise.Value[i]
		if wanted := ptr.Deref(deployment.Spec.Replicas, 1); wanted > 0 {
			return []Check{failed(name,
				fmt.Sprintf("kubectl scale deployment %s -n %s --replicas=0", deployment.Name, deployment.Namespace),
				"its controllers run: Deployment %s/%s has %s. Both would roll the same Pods",
				deployment.Namespace, deployment.Name, report.Count(int(wanted), "replica"))}
		}
	}
	if f.Release != nil { // what its webhooks do is said with what stands in the way
		return []Check{passed(name, "its controllers do not run")}
	}
	for i := range f.Mutating.Value {
		if f.Mutating.Value[i].Name == charts.OpenKruise {
			return refused(charts.Release{}.Refusals(f.Mutating.Value[i:i+1], nil))
		}
	}
	return []Check{passed(name, "neither its controllers nor its webhooks are there")}
}

// mayInstall says which rights are missing to install the chart.
func mayInstall(f *Facts) []Check {
	const name = "rights to install"
	if unread := f.Missing.unread(name); unread != nil {
		return unread
	}
	if len(f.Missing.Value) > 0 {
		return []Check{warned(name, "have somebody install the chart who may, such as a cluster-admin",
			"you may not %s", rightTexts(f.Missing.Value))}
	}
	return []Check{passed(name, "you have them")}
}

// inTheWay says why the chart would refuse to be installed, in its own words.
func inTheWay(f *Facts) []Check {
	const name = "installation"
	unread := append(f.Mutating.unread("other installations"), f.Definitions.unread("CustomResourceDefinitions")...)
	refusals := f.Release.Refusals(f.Mutating.Value, f.Definitions.Value)
	if len(refusals) == 0 && unread == nil {
		return []Check{passed(name, "nothing stands in the way of release %s in namespace %s", f.Release.Name, f.Release.Namespace)}
	}
	return append(unread, refused(refusals)...)
}

// refused are refusals of the chart.
func refused(refusals []charts.Refusal) []Check {
	out := make([]Check, len(refusals))
	for i, refusal := range refusals {
		says, hint, _ := strings.Cut(refusal.Says, "\n")
		out[i] = failed(refusal.Object, hint, "%s", says)
	}
	return out
}

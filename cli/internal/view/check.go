// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/version"

	"github.com/windlass-operator/windlass/charts"
	"github.com/windlass-operator/windlass/webhook/certs"
)

// Verdict is what came of a check.
type Verdict string

// The verdicts.
const (
	// Passed is as it should be.
	Passed Verdict = "ok"
	// Warned works, and somebody should look at it.
	Warned Verdict = "warning"
	// Failed does not work.
	Failed Verdict = "failed"
	// Unchecked could not be found out.
	Unchecked Verdict = "not checked"
)

// Check is what was found out about one thing.
type Check struct {
	// Name says what was looked at.
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Finding is a sentence without its full stop.
	Finding string `json:"finding"`
	// Hint says what to do or to type, in lines; "" where there is nothing to do.
	Hint string `json:"hint,omitempty"`
}

func passed(name, format string, args ...any) Check {
	return Check{Name: name, Verdict: Passed, Finding: fmt.Sprintf(format, args...)}
}

func warned(name, hint, format string, args ...any) Check {
	return Check{Name: name, Verdict: Warned, Finding: fmt.Sprintf(format, args...), Hint: hint}
}

func failed(name, hint, format string, args ...any) Check {
	return Check{Name: name, Verdict: Failed, Finding: fmt.Sprintf(format, args...), Hint: hint}
}

// Learned is what one question to the API server brought.
type Learned[T any] struct {
	Value T
	// Err is why it brought nothing.
	Err error
	// Denied is the right that was missing, such as "list nodes", where that is why.
	Denied string
}

// unread is the check of what could not be read; nil when it could.
func (l *Learned[T]) unread(name string) []Check {
	switch {
	case l.Denied != "":
		return []Check{{Name: name, Verdict: Unchecked, Finding: "you may not " + l.Denied}}
	case l.Err != nil:
		return []Check{{Name: name, Verdict: Unchecked, Finding: "it could not be read: " + l.Err.Error()}}
	}
	return nil
}

// RightText says a right as people do: "list pods", "get secrets windlass-webhook-self-cert in namespace windlass-system".
func RightText(right *authorizationv1.ResourceAttributes) string {
	text := right.Verb + " " + right.Resource
	if right.Subresource != "" {
		text += "/" + right.Subresource
	}
	if right.Group != "" {
		text += "." + right.Group
	}
	if right.Name != "" {
		text += " " + right.Name
	}
	if right.Namespace != "" {
		text += " in namespace " + right.Namespace
	}
	return text
}

// Probed is what a check of the operator's own found.
type Probed struct {
	Name string
	// Finding is what it found, where Err is nil.
	Finding Learned[string]
}

// Program is one of the two.
type Program struct {
	// Component is charts.Operator or charts.Webhook.
	Component  string
	Deployment *appsv1.Deployment
	Probed     *Probed
	Pods       Learned[[]corev1.Pod]
	// Missing are rights that its account needs and does not have.
	Missing Learned[[]authorizationv1.ResourceAttributes]
}

// Installation is an installation as it was found.
type Installation struct {
	// Name is what the names of its objects begin with, Namespace the one that its programs run in.
	Name, Namespace string
	Programs        []*Program
	Definitions     []Probed
	// Trust and Admission are the checks of the operator's own of these.
	Trust, Admission Probed
	Mutating         *admissionregistrationv1.MutatingWebhookConfiguration
	Validating       Learned[*admissionregistrationv1.ValidatingWebhookConfiguration]
	Lease            Learned[*coordinationv1.Lease]
	Service          Learned[*corev1.Service]
	Endpoints        Learned[[]discoveryv1.EndpointSlice]
	Certificates     Learned[*certs.Seen]
	Budgets          Learned[[]policyv1.PodDisruptionBudget]
}

// Facts are what was found out about a cluster.
type Facts struct {
	// Now is the API server's time. Ahead is how much this machine's is ahead of it.
	Now   time.Time
	Ahead time.Duration
	// Plugin is the version of this program, Newest the newest version of Kubernetes that it was built for.
	Plugin, Newest string
	Server         *version.Info
	// Serves are resources of the API server by their group and version.
	Serves      Learned[map[string][]string]
	Nodes       Learned[[]corev1.Node]
	NodeLeases  Learned[[]coordinationv1.Lease]
	Definitions Learned[[]apiextensionsv1.CustomResourceDefinition]
	Mutating    Learned[[]admissionregistrationv1.MutatingWebhookConfiguration]
	OpenKruise  Learned[[]appsv1.Deployment]
	// Release is the one that is to be installed, nil where that was not asked. Missing are rights that whoever installs
	// it needs and the user does not have.
	Release *charts.Release
	Missing Learned[[]authorizationv1.ResourceAttributes]
	// Programs are the Deployments of installations, and Installation what belongs to the first of them; nil when there
	// is none.
	Programs     Learned[[]appsv1.Deployment]
	Installation *Installation
}

// CheckAll has every check look at what was found out, in the order in which a fault explains the next one.
func CheckAll(f *Facts) []Check {
	checks := []func(*Facts) []Check{kubernetes, admissionAPI, resize, kubelets, clocks, openKruise}
	if f.Release != nil {
		checks = append(checks, mayInstall, inTheWay)
	} else {
		checks = append(checks, installed)
	}
	var out []Check
	for _, check := range checks {
		out = append(out, check(f)...)
	}
	if f.Installation == nil {
		return out
	}
	for _, check := range []func(*Facts, *Installation) []Check{
		definitions, schemas, programs, leader, configurations, bundles, certificate, endpoints, admission, rights, releases, budgets,
	} {
		out = append(out, check(f, f.Installation)...)
	}
	return out
}

// probed is the check of one of the operator's own.
func probed(p *Probed, hint string) []Check {
	switch {
	case p.Finding.Denied != "":
		return p.Finding.unread(p.Name)
	case apierrors.IsNotFound(p.Finding.Err):
		return []Check{failed(p.Name, reinstall, "%s", p.Finding.Err)}
	case p.Finding.Err != nil:
		return []Check{failed(p.Name, hint, "%s", p.Finding.Err)}
	}
	return []Check{passed(p.Name, "%s", p.Finding.Value)}
}

// rightTexts are rights as people say them: "get/list/watch pods, create leases.coordination.k8s.io in namespace ops".
func rightTexts(rights []authorizationv1.ResourceAttributes) string {
	var merged []authorizationv1.ResourceAttributes
	for _, right := range rights {
		verb := right.Verb
		if last := len(merged) - 1; last >= 0 {
			right.Verb = merged[last].Verb
			if right == merged[last] {
				merged[last].Verb += "/" + verb
				continue
			}
		}
		right.Verb = verb
		merged = append(merged, right)
	}
	texts := make([]string, len(merged))
	for i := range merged {
		texts[i] = RightText(&merged[i])
	}
	return strings.Join(texts, ", ")
}

// FailedIn reports whether one of the checks failed.
func FailedIn(checks []Check) bool {
	return slices.ContainsFunc(checks, func(c Check) bool { return c.Verdict == Failed })
}

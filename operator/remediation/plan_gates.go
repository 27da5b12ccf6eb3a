// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/scheduling"
)

// gate is what forbids to replace a stuck Pod.
type gate struct {
	// reason is that of the condition Remediating, of the events and of the metric.
	reason string
	// holds says why the gate is closed for a Pod, as a clause after "because", with what a person can do about it. It
	// is "" when the gate is open. Where the gate opens by itself, the case says when.
	holds func(p *planner, c *Case) string
	// early: it can be asked before the details of a Pod are read, and is closed for long. Pods that it keeps come last
	// among those of which details are read, so that they keep no other waiting.
	early bool
	// recreation: it is also asked where a Pod is recreated that found no node. Nothing of that one has ever run, so
	// only people, policies and the pace of the whole operator keep it.
	recreation bool
	// wholeCluster: it is about more than the one Pod. It is said before the gates of other Pods, and its metric begins
	// at 0, since there is an alert on it.
	wholeCluster bool
	// inTurn: the Pod is to go as soon as it is its turn. Until then nobody else may replace it on an excluded node.
	inTurn bool
}

// gates are all gates in the order in which they are asked. The first that is closed is the one that is said. A new one
// is a constant in api/v1beta1, a row here and a row in docs/remediation.md, all in the same order: tests hold them
// together.
var gates = []gate{
	// First those that nobody can open: what a Pod has shown stays.
	{reason: v1beta1.ReasonApplicationStarted, holds: applicationStarted, early: true},
	{reason: v1beta1.ReasonSidecarFailing, holds: sidecarFails, early: true},
	{reason: v1beta1.ReasonPaused, holds: paused, recreation: true},
	{reason: v1beta1.ReasonSkipAnnotation, holds: skipped, early: true, recreation: true},
	{reason: v1beta1.ReasonNodeNotReady, holds: nodeNotReady, early: true},
	{reason: v1beta1.ReasonPodTerminating, holds: podTerminating, early: true},
	{reason: v1beta1.ReasonCannotExclude, holds: cannotExclude}, // without an exclusion the Pod would come back to its node
	{reason: v1beta1.ReasonStoragePinned, holds: storagePinned},
	{reason: v1beta1.ReasonTooFewNodes, holds: tooFewNodes},
	// After the gates that look for other nodes: they say it better where there is none.
	{reason: v1beta1.ReasonCannotExclude, holds: contradicted},
	{reason: v1beta1.ReasonNodeLimit, holds: nodeLimit},
	{reason: v1beta1.ReasonInFlight, holds: inFlight, inTurn: true},
	{reason: v1beta1.ReasonRetryLimit, holds: retryLimit, early: true},
	{reason: v1beta1.ReasonBackoff, holds: refused, recreation: true},
	{reason: v1beta1.ReasonBackoff, holds: backoff},
	{reason: v1beta1.ReasonStormActive, holds: stormActive, wholeCluster: true},
	{reason: v1beta1.ReasonRateLimited, holds: rateLimited, recreation: true},
}

// askGates asks, for every Pod that is to be replaced, what stands against it, and for every one that is to stay, why.
func (p *planner) askGates() {
	for _, c := range p.plan.Cases {
		if c.Diagnosis.deletes() || c.Diagnosis.stays() {
			c.Gate, c.Blocks = p.closed(c, func(*gate) bool { return true })
		}
	}
}

// closed returns the first gate of some that is closed for a Pod, and what it says; nil when all are open.
func (p *planner) closed(c *Case, asked func(*gate) bool) (*gate, string) {
	for i := range gates {
		if !asked(&gates[i]) {
			continue
		}
		if why := gates[i].holds(p, c); why != "" {
			return &gates[i], why
		}
	}
	return nil, ""
}

// forbidden says, as a clause, which gate keeps a Pod from being recreated that found no node, "" when none does.
func (p *planner) forbidden(pod *Pod) string {
	_, why := p.closed(&Case{Pod: pod}, func(g *gate) bool { return g.recreation })
	return why
}

// needDetails lists the Pods of which details are to be read, as indexes: first those of attempts under way, then stuck
// ones and those that find no node, by ordinal, and stuck ones for which nothing can be done last.
func (p *planner) needDetails() []int {
	defer p.compareOnce()()
	var first, then, last []int
	for i := range p.s.Pods {
		pod := &p.s.Pods[i]
		switch {
		case slices.ContainsFunc(p.record.Attempts, func(a Attempt) bool { return a.Pod == pod.UID }):
			first = append(first, i)
		case p.stuck(i) && p.keptEarly(i):
			last = append(last, i)
		case p.stuck(i), p.seen[i].kind == unscheduled && marked(pod.Pod, p.s.patchName()):
			then = append(then, i)
		}
	}
	all := slices.Concat(first, then, last)
	return all[:min(len(all), maxDetails)]
}

// keptEarly reports whether a stuck Pod is to stay, as far as that can be told without its details.
func (p *planner) keptEarly(i int) bool {
	c := p.newCase(i)
	if !c.Diagnosis.deletes() {
		return true
	}
	closed, _ := p.closed(c, func(g *gate) bool { return g.early })
	return closed != nil
}

// pending returns the attempt that is to delete the Pod of a case, nil when there is none. What it has taken of the
// limits it has taken already.
func (p *planner) pending(c *Case) *Attempt {
	if a := p.record.attempt(c.Pod.Ordinal, c.Pod.Revision); a != nil && a.Pod == c.Pod.UID {
		return a
	}
	return nil
}

// applicationStarted: what an application has written may be gone with its Pod.
func applicationStarted(_ *planner, c *Case) string {
	if c.Diagnosis != diagnosisApplication {
		return ""
	}
	return "what the application has written may go with the Pod; mend what the kubelet says, or delete the Pod yourself"
}

// sidecarFails: no other node helps, and the template of the set cannot mend it.
func sidecarFails(_ *planner, c *Case) string {
	if c.Diagnosis != diagnosisSidecar {
		return ""
	}
	return "neither the node nor the application is at fault; mend the sidecar where it is injected from"
}

func paused(p *planner, _ *Case) string {
	if rolling := p.s.Set.Spec.UpdateStrategy.RollingUpdate; rolling == nil || !rolling.Paused {
		return ""
	}
	return "the StatefulSet is paused; set spec.updateStrategy.rollingUpdate.paused to false to go on"
}

func skipped(p *planner, c *Case) string {
	const key = v1beta1.SkipRemediationAnnotation
	skips := func(annotations map[string]string) bool {
		value, ok := annotations[key]
		return ok && value != "false"
	}
	node := p.s.Nodes[c.Pod.Spec.NodeName]
	for _, each := range []struct {
		what  string
		skips bool
	}{
		{"Pod " + c.Pod.Name, skips(c.Pod.Annotations)},
		{"StatefulSet " + p.s.Set.Name, skips(p.s.Set.Annotations)},
		{"node " + c.Pod.Spec.NodeName, node != nil && skips(node.Annotations)},
	} {
		if each.skips {
			return fmt.Sprintf("%s carries the annotation %s; remove that to have it replaced", each.what, key)
		}
	}
	return ""
}

func nodeNotReady(p *planner, c *Case) string {
	node := p.s.Nodes[c.Pod.Spec.NodeName]
	switch {
	case node == nil:
		return fmt.Sprintf("there is no Node %s any more; Kubernetes deletes its Pods itself", c.Pod.Spec.NodeName)
	case !scheduling.Ready(node):
		return fmt.Sprintf("node %s is not Ready, and what becomes of its Pods is Kubernetes' own business; "+
			"bring the node back, or delete it if it is lost for good", node.Name)
	}
	return ""
}

func podTerminating(_ *planner, c *Case) string {
	if c.Pod.DeletionTimestamp == nil {
		return ""
	}
	return fmt.Sprintf("it has been being deleted since %s; see whether a finalizer or its node holds it", clockTime(*c.Pod.DeletionTimestamp))
}

// cannotExclude: a SchedPatch that cannot be written, or is not applied in this namespace, keeps no Pod from its node.
// And a hook that was to be heard before a Pod goes is not passed over.
func cannotExclude(p *planner, c *Case) string {
	switch {
	case p.s.Obstacle != "":
		return p.s.Obstacle
	case p.s.Set.Spec.Template.Spec.NodeName != "":
		return fmt.Sprintf("its template names the node it is to run on (spec.template.spec.nodeName: %s); "+
			"take that out, or mend the node", p.s.Set.Spec.Template.Spec.NodeName)
	case c.Pod.Hook != "":
		return fmt.Sprintf("its preDelete hook holds it (%s); take that off to have it replaced", c.Pod.Hook)
	case !p.s.NamespaceServed:
		return fmt.Sprintf("the Pod webhooks do not serve namespace %s, so no node can be excluded: it is excluded itself, or its label %s is %s",
			p.s.Set.Namespace, v1beta1.InjectionLabel, v1beta1.InjectionDisabled)
	}
	return ""
}

// contradicted: a SchedPatch that contradicts a Pod's own rules is not applied to it.
func contradicted(p *planner, c *Case) string {
	record := p.record.copied()
	record.exclude(p.exclusion(&Case{Pod: c.Pod, Evidence: &evidence{}, Key: c.Key, Diagnosis: c.Diagnosis}))
	patch, err := schedpatch.Compile(p.s.patchFor(&record))
	if err != nil {
		return fmt.Sprintf("its exclusion cannot be written: %v", err)
	}
	_, results := schedpatch.Merge(schedpatch.RulesOf(&c.Pod.Spec), []*schedpatch.Patch{patch})
	if results[0].Outcome != schedpatch.OutcomeApplied {
		return fmt.Sprintf("its node affinity cannot take an exclusion: %s", results[0].Message)
	}
	return ""
}

func storagePinned(p *planner, c *Case) string {
	nodes := p.candidates(c.Pod)
	if nodes.pinned == "" || anyOther(nodes.eligible, c.Pod.Spec.NodeName) {
		return ""
	}
	return nodes.pinned + "; mend the node, or delete the claim if what it holds can be lost"
}

func tooFewNodes(p *planner, c *Case) string {
	excluded := 0
	for _, name := range p.candidates(c.Pod).eligible {
		switch {
		case name == c.Pod.Spec.NodeName:
		case !p.record.active(name, p.s.Now):
			return ""
		default:
			excluded++
		}
	}
	if excluded > 0 {
		return fmt.Sprintf("every other node that it could run on is excluded too (%d); "+
			"mend a node, or remove it from SchedPatch %s", excluded, p.s.patchName())
	}
	return "there is no other node, Ready and schedulable, that its node selector, affinity, tolerations and volumes allow; add or mend one"
}

// maxExcluded is how many nodes one set may exclude at most, whatever it says.
const maxExcluded = 10

func nodeLimit(p *planner, c *Case) string {
	if p.record.active(c.Pod.Spec.NodeName, p.s.Now) {
		return ""
	}
	eligible := len(p.candidates(c.Pod).eligible)
	limit := min(maxExcluded, share(p.settings.MaxExcludedNodes, eligible))
	if excluded := len(p.record.actives(p.s.Now)); excluded >= limit {
		return fmt.Sprintf("as many nodes as spec.autoRemediation.maxExcludedNodes allows are excluded already: "+
			"%d of %d eligible ones; mend them, or raise the limit", excluded, eligible)
	}
	return ""
}

// share resolves a number or percentage of nodes: rounded down, at least one. 20% is what is left out.
func share(value *intstr.IntOrString, total int) int {
	if value == nil {
		value = &twentyPercent
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, total, false)
	if err != nil {
		return 1 // the schema refuses what cannot be read
	}
	return max(1, n)
}

var twentyPercent = intstr.FromString("20%")

func inFlight(p *planner, c *Case) string {
	if p.s.Details[c.Pod.UID] == nil {
		return fmt.Sprintf("%d stuck Pods before it come first", maxDetails)
	}
	for i := range p.record.Attempts {
		if a := &p.record.Attempts[i]; a.Pod != "" && a.Pod != c.Pod.UID {
			return fmt.Sprintf("one Pod of a StatefulSet is replaced at a time, and Pod %s is not done", p.s.podName(a.Ordinal))
		}
	}
	return ""
}

func retryLimit(p *planner, c *Case) string {
	limit, done := int(*p.settings.RetryLimit), p.deletes(c.Pod)
	if p.pending(c) != nil {
		done--
	}
	if done < limit {
		return ""
	}
	return fmt.Sprintf("it has been replaced %d times at revision %s, as often as spec.autoRemediation.retryLimit allows; "+
		"see what its nodes have in common, or delete it yourself", done, c.Pod.Revision)
}

// backoff: an attempt that is under way has taken its pause already.
func backoff(p *planner, c *Case) string {
	if p.pending(c) != nil {
		return ""
	}
	opens := metav1.Time{}
	if a := p.record.attempt(c.Pod.Ordinal, c.Pod.Revision); a != nil && a.Deletes > 0 {
		opens = later(a.Last.Time, p.pause(a))
	}
	if e := p.record.exclusion(c.Pod.Spec.NodeName); c.Diagnosis == diagnosisProbe && e != nil && e.Probe && e.Deleted && e.Key == c.Key {
		// It was tried elsewhere once, and its replacement came back here.
		if end := later(e.FirstSeen.Time, rememberTime); opens.Before(&end) {
			opens = end
		}
	}
	if !p.s.Now.Before(opens.Time) {
		return ""
	}
	c.OpensIn = opens.Sub(p.s.Now)
	return fmt.Sprintf("it was replaced before, and is again not before %s", clockTime(opens))
}

const (
	// firstPause is how long a Pod is left alone after it was replaced once; the pause doubles with each further time,
	// up to longestPause.
	firstPause   = time.Minute
	longestPause = time.Hour
)

// pause is how long after an attempt the next one may begin, in whole seconds: with up to a tenth more, so that Pods of
// many sets do not come at once.
func (p *planner) pause(a *Attempt) time.Duration {
	seed := fnv.New32a()
	_, _ = fmt.Fprintf(seed, "%s/%d/%d", p.s.Set.UID, a.Ordinal, a.Deletes) // a hash takes everything
	pause := doubled(firstPause, a.Deletes, longestPause)
	pause += pause * time.Duration(seed.Sum32()%1000) / 10000
	return (pause + time.Second - 1).Truncate(time.Second)
}

// calmTime is for how long after its end an exclusion still counts towards a storm.
const calmTime = 5 * time.Minute

// stormActive: when a good part of the cluster is excluded, the fault is rather something that all nodes share.
func stormActive(p *planner, c *Case) string {
	node := c.Pod.Spec.NodeName
	out := map[string]bool{}
	for _, name := range p.s.Ledger.excluded(p.s.Now) {
		if p.s.Nodes[name] != nil {
			out[name] = true
		}
	}
	for i := range p.record.Exclusions {
		if e := &p.record.Exclusions[i]; calm(e.Expires, p.s.Now) {
			out[e.Node] = true
		}
	}
	usableNodes := len(p.usable())
	limit, excluded := share(&twentyPercent, usableNodes), len(out)
	if out[node] = true; len(out) <= limit {
		return ""
	}
	return fmt.Sprintf("of %[2]d nodes that are Ready and schedulable this many are excluded, or were within the last 5 minutes: %[1]d; "+
		"beyond 20%% something else than nodes is at fault, so look at network, registry and storage", excluded, usableNodes)
}

const (
	// maxDeletes is how many Pods the whole operator deletes in a minute.
	maxDeletes = 5
	// rateWindow is that minute, and a little more: what is recorded is when a deletion was begun.
	rateWindow = time.Minute + renewAfter + 5*time.Second
)

func rateLimited(p *planner, c *Case) string {
	begun, wait := 0, time.Duration(0)
	for pod, at := range p.s.Ledger.begun() {
		age := p.s.Now.Sub(at.Time)
		switch own := pod == c.Pod.UID; {
		case own && age <= renewAfter:
			return "" // its turn has been taken
		case !own && age <= rateWindow:
			begun++
			wait = max(wait, rateWindow-age)
		}
	}
	if begun < maxDeletes {
		return ""
	}
	c.OpensIn = cmp.Or(wait, rateWindow)
	return fmt.Sprintf("the operator has deleted %d Pods within a minute, in all StatefulSets together, and waits for the next one", begun)
}

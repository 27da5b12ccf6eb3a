// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// diagnosis is what is at fault for a stuck Pod.
type diagnosis string

const (
	// diagnosisNode: the node. It is excluded and the Pod deleted.
	diagnosisNode diagnosis = "Node"
	// diagnosisProbe: the node, or all of them. It is excluded for a while and the Pod deleted once, to see whether it
	// starts elsewhere.
	diagnosisProbe diagnosis = "Probe"
	// diagnosisGlobal: not the node. Nothing is deleted.
	diagnosisGlobal diagnosis = "Global"
	// diagnosisUndecided: Pods on other nodes will tell soon.
	diagnosisUndecided diagnosis = "Undecided"
	// diagnosisNone: the same has started on this very node. Nothing is deleted.
	diagnosisNone diagnosis = "None"
	// diagnosisApplication: whatever is at fault, the application has run. Nothing is deleted.
	diagnosisApplication diagnosis = "Application"
	// diagnosisSidecar: an injected container, which this node has started. Nothing is deleted.
	diagnosisSidecar diagnosis = "Sidecar"
)

// deletes reports whether the Pod is to be replaced.
func (d diagnosis) deletes() bool { return d == diagnosisNode || d == diagnosisProbe }

// stays reports whether the Pod is not to be replaced, whatever becomes of its node.
func (d diagnosis) stays() bool { return d == diagnosisApplication || d == diagnosisSidecar }

// rememberTime is how long before a Pod began to wait a failure on another node still says something about it. It
// is counted from there, and not from now, so that what is known does not fade while the Pod waits.
const rememberTime = time.Hour

// findCases finds the stuck Pods, and what is at fault for each.
func (p *planner) findCases() {
	defer p.compareOnce()()
	for i := range p.s.Pods {
		if p.stuck(i) {
			p.plan.Cases = append(p.plan.Cases, p.newCase(i))
		}
	}
}

// compareOnce has the Pods of a key compared once for all of them, until it is done: then what is recorded may change, and
// with it who is stuck.
func (p *planner) compareOnce() (done func()) {
	p.failing = map[Key]*failers{}
	return func() { p.failing = nil }
}

// newCase says what is at fault for a stuck Pod.
func (p *planner) newCase(i int) *Case {
	pod, e := &p.s.Pods[i], &p.seen[i]
	c := &Case{Pod: pod, Evidence: e, Key: Key{Revision: pod.Revision, Image: e.image, Refused: e.kind == nodeRefused}}
	c.Diagnosis, c.Why = p.diagnose(c)
	return c
}

// caseOf returns the case of a Pod, nil when it is not stuck.
func (p *planner) caseOf(pod *Pod) *Case {
	for _, c := range p.plan.Cases {
		if c.Pod == pod {
			return c
		}
	}
	return nil
}

// stuck reports whether a Pod has waited long enough. One that the kubelet refused waits for nothing.
func (p *planner) stuck(i int) bool {
	pod, e := &p.s.Pods[i], &p.seen[i]
	if !pod.Right || pod.Changing {
		return false
	}
	return e.kind == nodeRefused || e.waits() && p.waited(e) >= p.patience(pod, e)
}

// waits reports whether a Pod shows something that counts once it has lasted for stuckSeconds.
func (e *evidence) waits() bool {
	return e.kind == ambiguous || e.kind == sidecarFailing || e.kind == hasStarted && e.said != (words{})
}

// patience is for how long a Pod has to wait until it counts as stuck: stuckSeconds, or less where the Pod was tried
// elsewhere because nobody could tell whether the node was at fault. Then whatever fails everywhere is reported within
// twice stuckSeconds, the time for the new Pod to get to its node included. Half of stuckSeconds it waits in any case,
// and where the same has started somewhere the whole: then a Pod may be deleted.
func (p *planner) patience(pod *Pod, e *evidence) time.Duration {
	whole := p.stuckTime()
	if e.kind != ambiguous {
		return whole
	}
	key := Key{Revision: pod.Revision, Image: e.image}
	for i := range p.record.Exclusions {
		// A probe that is over counts as well: what a Pod has to wait must not grow while it waits.
		probe := &p.record.Exclusions[i]
		late := e.since.Sub(probe.FirstSeen.Time)
		if probe.Probe && probe.Key == key && probe.Node != pod.Spec.NodeName && late <= whole && len(p.startedOn(key)) == 0 {
			return min(whole, max(whole/2, whole*9/10-late))
		}
	}
	return whole
}

func (p *planner) stuckTime() time.Duration { return seconds(p.settings.StuckSeconds) }

// waited is for how long a Pod has been waiting.
func (p *planner) waited(e *evidence) time.Duration { return p.s.Now.Sub(e.since.Time) }

// diagnose compares a stuck Pod with those of the same key.
func (p *planner) diagnose(c *Case) (diagnosis, string) {
	switch c.Evidence.kind {
	case nodeRefused:
		return diagnosisNode, "the node refused it"
	case hasStarted:
		return diagnosisApplication, c.Evidence.proof.String()
	case sidecarFailing:
		return diagnosisSidecar, fmt.Sprintf("container %s was injected, and has run on this node", c.Evidence.container)
	}
	node := c.Pod.Spec.NodeName
	started, failing, moved := p.startedOn(c.Key), p.failers(c.Key), p.moved(c.Key, c.Evidence.since)
	failed, began := failing.and(moved), p.failingSince(failing, moved, c.Evidence.since)
	elsewhere := anyOther(started, node)
	switch {
	case elsewhere && len(failed.nodes) >= 2 && !p.startedSince(c.Key, began): // as when the registry went down meanwhile
		return diagnosisGlobal, failed.words + " since " + clockTime(began)
	case elsewhere:
		return diagnosisNode, "the same has started on " + nodes(started, node)
	case len(started) > 0:
		return diagnosisNone, "the same has started on this very node"
	case len(failed.nodes) >= 2:
		return diagnosisGlobal, failed.words
	}
	if other := p.undecided(c.Key, node); other != nil {
		return diagnosisUndecided, fmt.Sprintf("Pod %s on node %s will soon tell whether other nodes fail too", other.Name, other.Spec.NodeName)
	}
	return diagnosisProbe, "no other Pod reports whether the node is at fault"
}

// starters are the Pods of which a container of a key has started: on which nodes that was, each once and by name, and
// when the last of them did so for the first time.
type starters struct {
	nodes []string
	last  metav1.Time
}

func (p *planner) starters(key Key) *starters {
	if known := p.starts[key]; known != nil {
		return known
	}
	out, on := &starters{}, map[string]struct{}{}
	for i := range p.s.Pods {
		pod := &p.s.Pods[i]
		if pod.Revision != key.Revision || pod.Changing {
			continue
		}
		started, first := starts(pod.Pod, key.Image)
		if node := pod.Spec.NodeName; started && node != "" {
			on[node] = struct{}{}
		}
		if out.last.Before(&first) {
			out.last = first
		}
	}
	out.nodes = slices.Sorted(maps.Keys(on))
	p.starts[key] = out
	return out
}

// startedOn names the nodes on which a container of the key has started, as far as their Pods are still there.
func (p *planner) startedOn(key Key) []string { return p.starters(key).nodes }

// startedSince reports whether a container of the key has started for the first time since then, or shortly before.
func (p *planner) startedSince(key Key, since metav1.Time) bool {
	last := p.starters(key).last
	return !last.IsZero() && since.Sub(last.Time) <= togetherTime
}

// togetherTime is how far apart Pods may start that were made at once: that one of them starts before another begins
// to wait proves nothing against it.
const togetherTime = time.Minute

// failers are the stuck Pods of a key that cannot start: their nodes, each once and by name, and when the first of them
// began to wait.
type failers struct {
	nodes []string
	since metav1.Time
	// with are their nodes and some others, by the names of those.
	with map[string]*failed
}

// failed are nodes on which Pods of a key cannot start, or could not, each once and by name, and words the clause that says so.
type failed struct {
	nodes []string
	words string
}

func (p *planner) failers(key Key) *failers {
	if known := p.failing[key]; known != nil {
		return known
	}
	out, on := &failers{with: map[string]*failed{}}, map[string]struct{}{}
	for i := range p.s.Pods {
		pod, e := &p.s.Pods[i], &p.seen[i]
		if e.kind != ambiguous || pod.Revision != key.Revision || e.image != key.Image || !p.stuck(i) {
			continue
		}
		if len(on) == 0 || e.since.Before(&out.since) {
			out.since = e.since
		}
		on[pod.Spec.NodeName] = struct{}{}
	}
	out.nodes = slices.Sorted(maps.Keys(on))
	if p.failing != nil {
		p.failing[key] = out
	}
	return out
}

// and are the nodes of the failers and those of recorded failures.
func (f *failers) and(moved []*Exclusion) *failed {
	var others []string
	for _, e := range moved {
		others = append(others, e.Node)
	}
	names := strings.Join(others, ",")
	if f.with[names] == nil {
		all := unique(slices.Concat(f.nodes, others))
		f.with[names] = &failed{nodes: all, words: "the same fails on " + nodes(all, "") + ", and has started nowhere"}
	}
	return f.with[names]
}

// moved are the recorded failures of a key: of Pods that could not start on a node until they were moved. Of these it is
// only known when they were first found stuck.
func (p *planner) moved(key Key, since metav1.Time) []*Exclusion {
	var out []*Exclusion
	for i := range p.record.Exclusions {
		if e := &p.record.Exclusions[i]; e.Key == key && since.Sub(e.FirstSeen.Time) <= rememberTime {
			out = append(out, e)
		}
	}
	return out
}

// failingSince is when the first of some failures began.
func (p *planner) failingSince(of *failers, moved []*Exclusion, since metav1.Time) metav1.Time {
	first := since
	if len(of.nodes) > 0 && of.since.Before(&first) {
		first = of.since
	}
	for _, e := range moved {
		if began := later(e.FirstSeen.Time, -p.stuckTime()); began.Before(&first) {
			first = began
		}
	}
	return first
}

// undecided returns a Pod that fails alike on another node, and not for long enough to be counted.
func (p *planner) undecided(key Key, node string) *Pod {
	for i := range p.s.Pods {
		pod, e := &p.s.Pods[i], &p.seen[i]
		if pod.Right && !pod.Changing && pod.DeletionTimestamp == nil && !p.stuck(i) && e.kind == ambiguous &&
			pod.Revision == key.Revision && e.image == key.Image && pod.Spec.NodeName != node {
			return pod
		}
	}
	return nil
}

// settleProbes ends or confirms the exclusions that were made to see whether a Pod starts elsewhere.
func (p *planner) settleProbes() {
	for _, e := range p.record.actives(p.s.Now) {
		if !e.Probe {
			continue
		}
		global := func(c *Case) bool { return c.Diagnosis == diagnosisGlobal && c.Key == e.Key }
		if slices.ContainsFunc(p.plan.Cases, global) {
			p.lifted(e, "Pods fail on other nodes too")
			continue
		}
		if anyOther(p.startedOn(e.Key), e.Node) {
			e.Probe = false
			if _, known := p.s.Ledger.Sets[p.s.key()].Excluded[e.Node]; known {
				p.entries.excluded = append(p.entries.excluded, e.Node)
			}
			e.Expires = later(e.FirstSeen.Time, p.exclusionTime(e.Strikes))
		}
	}
}

// failingEverywhere is the first case in which no node is to blame.
func (p *Plan) failingEverywhere() *Case {
	for _, c := range p.Cases {
		if c.Diagnosis == diagnosisGlobal {
			return c
		}
	}
	return nil
}

// hold keeps the replacement of refused Pods in our hands: of the one that is about to be deleted, and of others on an
// excluded node while the webhooks may still let their replacement go back there.
func (p *planner) hold() {
	m := p.plan.Moving
	if m == nil || m.Case == nil {
		return
	}
	for _, c := range p.plan.Cases {
		waits := c.Gate != nil && c.Gate.inTurn && p.record.active(c.Pod.Spec.NodeName, p.s.Now)
		if c.Evidence.kind == nodeRefused && (c == m.Case && c.Gate == nil || waits) {
			p.plan.Held = append(p.plan.Held, c.Pod)
		}
	}
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// maxNamed is how many nodes a message names.
const maxNamed = 5

// nodes writes the names of nodes, which are sorted, but for one.
func nodes(names []string, but string) string {
	left := len(names)
	if _, among := slices.BinarySearch(names, but); among {
		left--
	}
	named := make([]string, 0, maxNamed)
	for i := 0; len(named) < min(left, maxNamed); i++ {
		if names[i] != but {
			named = append(named, names[i])
		}
	}
	switch text := strings.Join(named, ", "); {
	case left == 1:
		return "node " + text
	case left > maxNamed:
		return fmt.Sprintf("nodes %s and %d more", text, left-maxNamed)
	default:
		return "nodes " + text
	}
}

// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
)

// Ask says whether a candidate may restart. It may make its node pull.
func (b *Book) Ask(c Candidate) Answer {
	out := Answer{State: Has}
	if c.Pod.Spec.NodeName == "" {
		return out
	}
	for _, image := range c.Images {
		key := Key{c.Pod.Spec.NodeName, image.Name}
		if c.Begun && b.wasProven(key, c.Pod.Namespace) {
			continue
		}
		switch answer := b.ask(key, c.Pod.Namespace); {
		case answer.State == Cannot && out.State != Cannot, answer.State == Pulling && out.State == Has:
			out = answer
		}
	}
	return out
}

func (b *Book) ask(key Key, namespace string) Answer {
	image := b.images[key.Image]
	switch {
	case image == nil:
		return Answer{State: Has}
	case !image.open:
		return image.answer
	case b.suspects[share{namespace, key.Image}]:
		return b.node(ask{key, namespace}).answer
	case b.in.EveryNode:
		return b.node(ask{Key: key}).answer
	}
	return image.answer
}

// lookAhead has the next nodes pull, beyond those whose Pods may go now.
func (b *Book) lookAhead() {
	nodes := sets.New[string]()
	for _, c := range b.in.Candidates {
		if nodes.Insert(c.Pod.Spec.NodeName).Len() > 2*b.in.Parallelism {
			return
		}
		b.Ask(c)
	}
}

// decide says whether anything may restart with an image, and tries the next node if that is not known.
func (b *Book) decide(image string) *verdict {
	if b.anywhere(image) {
		return opened
	}
	n, last := rounds(b.tries[image])
	over := len(last) >= mostNodes
	for key := range b.flying {
		if key.Image == image {
			return b.waits(image, last, n > 1 || over)
		}
	}
	if !over {
		if full, found := b.next(image, last); full || found {
			return b.waits(image, last, n > 1)
		}
	}
	if len(last) == 0 {
		b.noteSilent(Key{Image: image}, b.tries[image], b.wantersOf(image))
		return opened
	}
	left := last[len(last)-1].At.Add(pause(n)).Sub(b.in.Now)
	if left <= 0 {
		b.next(image, nil)
	}
	b.soon(left)
	return b.waits(image, last, true)
}

// opened is an image that holds nobody back.
var opened = &verdict{open: true, answer: Answer{State: Has}}

// waits is the verdict on an image that nobody has yet; with missing a round of nodes could not get it.
func (b *Book) waits(image string, last []Try, missing bool) *verdict {
	if !missing || len(last) == 0 {
		return &verdict{answer: Answer{Pulling, fmt.Sprintf("Image %s is pulled on one node first", image)}}
	}
	m := Missing{Image: image, Words: last[len(last)-1].Words}
	for _, t := range last {
		if !slices.Contains(m.Nodes, t.Node) {
			m.Nodes = append(m.Nodes, t.Node)
		}
	}
	b.missing = append(b.missing, m)
	return &verdict{answer: Answer{Cannot, "No node that was asked can get image " + image}}
}

// Sentence says it in whole, with what follows.
func (m Missing) Sentence() string {
	return fmt.Sprintf("No node that was asked can get image %s: %s. Asked: %s. "+
		"Nothing restarts with it; they are asked again within %.0f minutes.",
		m.Image, m.Words, strings.Join(m.Nodes, ", "), longestPause.Minutes())
}

// Sentences are those of several.
func Sentences(all []Missing) string {
	sentences := make([]string, len(all))
	for i, m := range all {
		sentences[i] = m.Sentence()
	}
	return strings.Join(sentences, " ")
}

// next has the node of a candidate pull that may be asked about an image: full means that there is one, and no room for
// its puller. A candidate of a namespace that could not get it is asked last, since it may lack a pull secret.
func (b *Book) next(image string, asked []Try) (full, found bool) {
	if len(fresh(b.tries[image], SaysNothing, b.in.Now)) >= mostSilent {
		return false, false
	}
	nodes := sets.New[string]()
	for _, t := range asked {
		nodes.Insert(t.Node)
	}
	trusted := func(w *want) bool { return !b.suspects[share{w.pod.Namespace, image}] }
	unasked := func(w *want) bool { return !nodes.Has(w.pod.Spec.NodeName) }
	for _, prefer := range []func(*want) bool{func(w *want) bool { return trusted(w) && unasked(w) }, trusted, unasked} {
		for w := range b.wantersOf(image) {
			if !prefer(w) || b.unwilling(w.pod.Spec.NodeName, w) != "" {
				continue
			}
			if !b.room() {
				return true, false
			}
			b.start(Key{w.pod.Spec.NodeName, image}, w)
			return false, true
		}
	}
	return false, false
}

// unwilling says why no puller for a candidate would find anything out, "" when one may.
func (b *Book) unwilling(node string, w *want) string {
	return cmp.Or(b.deaf[node], b.refused[w.pod.Namespace], b.lost[place{w.pod.Namespace, node}])
}

// noteSilent notes an image that Pods restart with unproven, and what the last puller of it met, or would.
func (b *Book) noteSilent(key Key, tries []Try, wants iter.Seq[*want]) {
	words := ""
	for w := range wants {
		words = cmp.Or(words, b.unwilling(w.pod.Spec.NodeName, w))
	}
	if said := fresh(tries, SaysNothing, b.in.Now); len(said) > 0 {
		words = said[len(said)-1].Words
	}
	if words != "" {
		b.silent = append(b.silent, Silent{key, words})
	}
}

// wantersOf are the candidates that wait for an image, and wantersAt those that do on one node.
func (b *Book) wantersOf(image string) iter.Seq[*want] {
	return func(yield func(*want) bool) {
		for i := range b.wants {
			if b.wants[i].Name == image && !yield(&b.wants[i]) {
				return
			}
		}
	}
}

func (b *Book) wantersAt(key Key) iter.Seq[*want] {
	return func(yield func(*want) bool) {
		for _, i := range b.wanted(key) {
			if !yield(&b.wants[i]) {
				return
			}
		}
	}
}

// node says whether Pods of a node may restart with an image that some node has.
func (b *Book) node(of ask) *verdict {
	if b.nodes[of] == nil {
		b.nodes[of] = b.decideNode(of)
	}
	return b.nodes[of]
}

func (b *Book) decideNode(of ask) *verdict {
	pulls := &verdict{answer: Answer{Pulling, fmt.Sprintf("Image %s is pulled on their nodes first", of.Image)}}
	tries := b.triesOf(of)
	failed, last := inARow(tries)
	if failed > 0 {
		pulls.answer = Answer{Cannot, fmt.Sprintf("Node %s cannot get image %s%s: %s", of.Node, of.Image, forNamespace(of.namespace), last.Words)}
	}
	switch {
	case b.proven(of, tries):
		return opened
	case !b.flying[of.Key].IsZero():
		return pulls
	}
	if left := last.At.Add(pause(failed)).Sub(b.in.Now); failed > 0 && left > 0 {
		b.soon(left)
		return pulls
	}
	w, ok := b.willing(of)
	switch {
	case !ok && failed == 0:
		b.noteSilent(of.Key, b.byKey[of.Key], b.wantersAt(of.Key))
		return opened
	case ok && b.room():
		b.start(of.Key, w)
	}
	return pulls
}

func forNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " for namespace " + namespace
}

// proven reports whether it is known that a node has an image. A namespace that could not get it has to show that by
// itself: what the node has pulled for others a kubelet does not give it without credentials.
func (b *Book) proven(of ask, tries []Try) bool {
	if of.namespace == "" {
		return b.has[of.Key] || b.in.Runs[of.Key]
	}
	failed, _ := inARow(tries)
	return failed == 0 && len(fresh(tries, Has, b.in.Now)) > 0
}

// triesOf are those that count for a decision about a node: those of its namespace; without one, those of all namespaces
// but the suspects, unless so many of these could not that it must be the node.
func (b *Book) triesOf(of ask) []Try {
	all, failing := b.byKey[of.Key], sets.New[string]()
	for _, t := range all {
		if b.suspects[share{t.Namespace, t.Image}] {
			failing.Insert(t.Namespace)
		}
	}
	if of.namespace == "" && failing.Len() >= mostNodes {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(t Try) bool {
		if of.namespace != "" {
			return t.Namespace != of.namespace
		}
		return failing.Has(t.Namespace)
	})
}

// willing is the first candidate of a node that may be asked about an image.
func (b *Book) willing(of ask) (w *want, found bool) {
	if len(fresh(b.byKey[of.Key], SaysNothing, b.in.Now)) >= mostSilent {
		return nil, false
	}
	for w := range b.wantersAt(of.Key) {
		suspect := b.suspects[share{w.pod.Namespace, of.Image}]
		if mine := of.namespace == w.pod.Namespace || of.namespace == "" && !suspect; mine && b.unwilling(of.Node, w) == "" {
			return w, true
		}
	}
	return nil, false
}

// inARow counts how often in a row a node could not get an image.
func inARow(tries []Try) (n int, last Try) {
	for _, t := range tries {
		switch t.State {
		case Has:
			n = 0
		case Cannot:
			n, last = n+1, t
		}
	}
	return n, last
}

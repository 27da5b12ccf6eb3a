// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"cmp"
	"fmt"
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
		switch answer := b.ask(Key{c.Pod.Spec.NodeName, image.Name}); {
		case answer.State == Cannot && out.State != Cannot, answer.State == Pulling && out.State == Has:
			out = answer
		}
	}
	return out
}

func (b *Book) ask(key Key) Answer {
	image := b.images[key.Image]
	switch {
	case image == nil:
		return Answer{State: Has}
	case !image.open, !b.in.EveryNode:
		return image.answer
	}
	return b.node(key).answer
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
		b.noteSilent(Key{Image: image}, b.tries[image], b.byImage[image])
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
		m.Nodes = append(m.Nodes, t.Node)
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

// next has the node of the first candidate pull that may be asked about an image: full means that there is one, and no
// room for its puller.
func (b *Book) next(image string, asked []Try) (full, found bool) {
	if len(fresh(b.tries[image], SaysNothing, b.in.Now)) >= mostSilent {
		return false, false
	}
	nodes := sets.New[string]()
	for _, t := range asked {
		nodes.Insert(t.Node)
	}
	for _, w := range b.byImage[image] {
		if node := w.pod.Spec.NodeName; nodes.Has(node) || b.unwilling(node, w) != "" {
			continue
		}
		if !b.room() {
			return true, false
		}
		b.start(Key{w.pod.Spec.NodeName, image}, w)
		return false, true
	}
	return false, false
}

// unwilling says why no puller for a candidate would find anything out, "" when one may.
func (b *Book) unwilling(node string, w want) string {
	return cmp.Or(b.deaf[node], b.refused[w.pod.Namespace])
}

// noteSilent notes an image that Pods restart with unproven, and what the last puller of it met, or would.
func (b *Book) noteSilent(key Key, tries []Try, wants []want) {
	words := ""
	for _, w := range wants {
		words = cmp.Or(words, b.unwilling(w.pod.Spec.NodeName, w))
	}
	if said := fresh(tries, SaysNothing, b.in.Now); len(said) > 0 {
		words = said[len(said)-1].Words
	}
	if words != "" {
		b.silent = append(b.silent, Silent{key, words})
	}
}

// node says whether Pods of a node may restart with an image that some node has.
func (b *Book) node(key Key) *verdict {
	if b.nodes[key] == nil {
		b.nodes[key] = b.decideNode(key)
	}
	return b.nodes[key]
}

func (b *Book) decideNode(key Key) *verdict {
	pulls := &verdict{answer: Answer{Pulling, fmt.Sprintf("Image %s is pulled on their nodes first", key.Image)}}
	failed, last := inARow(b.byKey[key])
	if failed > 0 {
		pulls.answer = Answer{Cannot, fmt.Sprintf("Node %s cannot get image %s: %s", key.Node, key.Image, last.Words)}
	}
	switch {
	case b.has[key], b.in.Runs[key]:
		return opened
	case !b.flying[key].IsZero():
		return pulls
	}
	if left := last.At.Add(pause(failed)).Sub(b.in.Now); failed > 0 && left > 0 {
		b.soon(left)
		return pulls
	}
	w, ok := b.willing(key)
	switch {
	case !ok && failed == 0:
		b.noteSilent(key, b.byKey[key], b.wanted[key])
		return opened
	case ok && b.room():
		b.start(key, w)
	}
	return pulls
}

// willing is the first candidate of a node that may be asked about an image.
func (b *Book) willing(key Key) (want, bool) {
	if len(fresh(b.byKey[key], SaysNothing, b.in.Now)) >= mostSilent {
		return want{}, false
	}
	for _, w := range b.wanted[key] {
		if b.unwilling(key.Node, w) == "" {
			return w, true
		}
	}
	return want{}, false
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

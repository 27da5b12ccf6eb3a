// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Image is one that a container of a Pod is to get.
type Image struct{ Container, Name string }

// Candidate is a Pod that is to restart containers, and with which images. Nothing is asked of a Pod without a node.
type Candidate struct {
	Pod    *corev1.Pod
	Images []Image
	// Begun means that the Pod is out of service for its update already. That rests on the proof with which it began: a
	// second one is not asked for, however long it drains or its hook takes, or it would be brought back each time.
	Begun bool
}

// Input is all that the decision rests on.
type Input struct {
	Known
	// EveryNode means that each node pulls ahead; else one is enough.
	EveryNode bool
	// Parallelism is how many nodes pull at a time, at least 1. Timeout is how long one pull may take.
	Parallelism int
	Timeout     time.Duration
	// Runs are the nodes where a container of the object runs an image.
	Runs map[Key]bool
	// Candidates are the Pods that wait, in the order in which they are to go.
	Candidates []Candidate
}

// Answer says whether a Pod may restart: at Has it may, at Pulling and at Cannot it waits.
type Answer struct {
	State State
	// Why is a clause for a person, the same for all Pods that wait for the same.
	Why string
}

// Missing is an image that none of the nodes that were asked can get.
type Missing struct {
	Image string
	// Nodes are those that were asked last, Words what the last of them said.
	Nodes []string
	Words string
}

// Silent is an image of which no puller could find anything out: on one node or, without one, on any.
type Silent struct {
	Key
	Words string
}

// End deletes a puller.
type End struct {
	Puller *corev1.Pod
	// Try is what it has shown, nil when nobody waits for it any more.
	Try *Try
}

// String renders the action for logs.
func (e End) String() string {
	text := "delete puller " + e.Puller.Namespace + "/" + e.Puller.Name + ": "
	if e.Try == nil {
		return text + "nobody waits for it"
	}
	text += "image " + e.Try.Image + " on node " + e.Try.Node + ": " + string(e.Try.State)
	if e.Try.Words != "" {
		text += " (" + e.Try.Words + ")"
	}
	return text
}

// Book is what came of an Input. Ask is called for the candidates, in their order, and then Plan.
type Book struct {
	in Input
	// wants are what the candidates wait for, and order the images as they come. wantedAt are the places in wants of
	// those that wait for one image on one node, nil before somebody has asked.
	wants    []want
	order    []string
	wantedAt map[Key][]int
	// flying are the pullers that pull on, since when, and tries those that were judged, by image; byKey the same by node.
	flying map[Key]time.Time
	tries  map[string][]Try
	byKey  map[Key][]Try
	// refused are namespaces where no puller is taken, deaf nodes whose kubelets took none, and lost where somebody has
	// ended one, with the words.
	refused, deaf map[string]string
	lost          map[place]string
	has           map[Key]bool
	// suspects are namespaces that could not get an image when they last tried.
	suspects map[share]bool

	images map[string]*verdict
	nodes  map[ask]*verdict

	starts  []Start
	ends    []End
	missing []Missing
	silent  []Silent
	soonest time.Duration
}

// share is a namespace's part in an image: its Pods have pull secrets of their own.
type share struct{ namespace, image string }

// place is a namespace on a node.
type place struct{ namespace, node string }

// ask is what is decided about a node: for one namespace, or with "" for all that are not suspect.
type ask struct {
	Key
	namespace string
}

// want is a candidate's need of an image.
type want struct {
	pod *corev1.Pod
	Image
}

// key is what it is about.
func (w *want) key() Key { return Key{w.pod.Spec.NodeName, w.Name} }

// verdict is what is decided about an image: with open it holds nobody back.
type verdict struct {
	open   bool
	answer Answer
}

// NewBook decides which pullers to make and to delete.
func NewBook(in Input) *Book {
	b := &Book{
		in: in, flying: map[Key]time.Time{}, tries: map[string][]Try{}, byKey: map[Key][]Try{},
		refused: map[string]string{}, deaf: map[string]string{}, has: map[Key]bool{},
		lost: map[place]string{}, suspects: map[share]bool{}, images: map[string]*verdict{}, nodes: map[ask]*verdict{},
	}
	for _, t := range in.Tries {
		b.file(t)
	}
	b.list()
	for i := range in.Pullers {
		b.judge(&in.Pullers[i])
	}
	for _, stray := range in.Stray {
		b.ends = append(b.ends, End{Puller: stray})
	}
	for _, image := range b.order {
		b.images[image] = b.decide(image)
	}
	if in.EveryNode {
		b.lookAhead()
	}
	return b
}

// list notes what the candidates wait for.
func (b *Book) list() {
	b.wants = make([]want, 0, len(b.in.Candidates))
	for i := range b.in.Candidates {
		c := &b.in.Candidates[i]
		if c.Pod.Spec.NodeName == "" {
			continue
		}
		for _, image := range c.Images {
			w := want{c.Pod, image}
			if c.Begun && b.wasProven(w.key(), c.Pod.Namespace) {
				continue
			}
			b.wants = append(b.wants, w)
			if !slices.Contains(b.order, image.Name) {
				b.order = append(b.order, image.Name)
			}
		}
	}
}

// wanted are the candidates that wait for an image on a node.
func (b *Book) wanted(key Key) []int {
	if b.wantedAt == nil {
		b.wantedAt = map[Key][]int{}
		for i := range b.wants {
			key := b.wants[i].key()
			b.wantedAt[key] = append(b.wantedAt[key], i)
		}
	}
	return b.wantedAt[key]
}

// wasProven reports whether an image was proven for the Pods of a namespace on a node, however long ago.
func (b *Book) wasProven(key Key, namespace string) bool {
	if b.suspects[share{namespace, key.Image}] {
		return false
	}
	tries := b.byKey[key]
	if !b.in.EveryNode {
		tries = b.tries[key.Image]
	}
	return slices.ContainsFunc(tries, func(t Try) bool { return t.State == Has })
}

// file takes in what came of a puller.
func (b *Book) file(t Try) {
	b.tries[t.Image] = append(b.tries[t.Image], t)
	b.byKey[t.Key] = append(b.byKey[t.Key], t)
	if t.State == Has || t.State == Cannot {
		b.suspects[share{t.Namespace, t.Image}] = t.State == Cannot && b.in.Now.Sub(t.At) < suspected
	}
	switch believed := b.in.Now.Sub(t.At) < Remembered; {
	case t.State == Has:
		b.has[t.Key] = believed
	case t.State != SaysNothing || !believed:
	case t.Refused:
		b.refused[t.Namespace] = t.Words
	case t.Lost:
		b.lost[place{t.Namespace, t.Node}] = t.Words
	default:
		b.deaf[t.Node] = t.Words
	}
}

// judge reads what a puller shows. One that is judged, or that nobody waits for any more, is deleted.
func (b *Book) judge(p *Puller) {
	key := KeyOf(p.Pod)
	known := slices.ContainsFunc(b.byKey[key], func(t Try) bool { return t.Puller == p.Pod.UID })
	if len(b.wanted(key)) == 0 || known {
		b.ends = append(b.ends, End{Puller: p.Pod})
		return
	}
	v := Judge(p.Pod, Patience{Now: b.in.Now, FailingSince: p.FailingSince, Failing: b.failing(key.Image, p.Pod), Timeout: b.in.Timeout})
	if v.State == Pulling {
		b.flying[key] = began(p.Pod)
		b.soon(v.In)
		return
	}
	t := Try{
		Key: key, Namespace: p.Pod.Namespace, State: v.State, Words: v.Words, Puller: p.Pod.UID,
		Began: p.Pod.CreationTimestamp.Time, At: b.in.Now,
	}
	b.file(t)
	b.ends = append(b.ends, End{Puller: p.Pod, Try: &t})
}

// failing is how long a pull may fail. Where another node of the round has failed for long, less is enough.
func (b *Book) failing(image string, puller *corev1.Pod) time.Duration {
	n, last := rounds(b.tries[image])
	if len(last) == 0 || b.anywhere(image) || puller.CreationTimestamp.Sub(last[len(last)-1].At) >= pause(n)/2 {
		return firstFails
	}
	return nextFail
}

// anywhere reports whether a node has the image.
func (b *Book) anywhere(image string) bool {
	for key, has := range b.has {
		if has && key.Image == image {
			return true
		}
	}
	for key, runs := range b.in.Runs {
		if runs && key.Image == image {
			return true
		}
	}
	return false
}

// room reports whether one more puller may be made.
func (b *Book) room() bool {
	if b.in.InAll+len(b.starts) >= MostInAll {
		b.soon(crowded)
		return false
	}
	return len(b.flying)+len(b.starts) < b.in.Parallelism
}

func (b *Book) start(key Key, w *want) {
	b.starts = append(b.starts, Start{Key: key, For: w.pod, Container: w.Container})
}

func (b *Book) soon(span time.Duration) {
	if span > 0 && (b.soonest == 0 || span < b.soonest) {
		b.soonest = span
	}
}

// Plan is what came of it all.
type Plan struct {
	// Starts are the pullers to make, and Ends those to delete.
	Starts []Start
	Ends   []End
	// Timeout is how long one pull may take.
	Timeout time.Duration
	// Missing are the images that nobody gets, so that nothing restarts with them.
	Missing []Missing
	// Silent are those that Pods restart with although nobody has proven that they can be pulled.
	Silent []Silent
	// Underway are the pulls that have not come to an end, the one that began first at the head.
	Underway []Underway
	// In is when to look again though nothing happens, 0 for never.
	In time.Duration
}

// Plan is complete once all candidates that are to go were asked about.
func (b *Book) Plan() Plan {
	return Plan{
		Starts: b.starts, Ends: b.ends, Timeout: b.in.Timeout, Missing: b.missing, Silent: b.silent, Underway: b.underway(), In: b.soonest,
	}
}

func (b *Book) underway() []Underway {
	var out []Underway
	for key, since := range b.flying {
		out = append(out, Underway{key, since})
	}
	slices.SortFunc(out, func(x, y Underway) int {
		return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.Node, y.Node), cmp.Compare(x.Image, y.Image))
	})
	return out
}

// Underway is a pull that has not come to its end.
type Underway struct {
	Key
	Since time.Time
}

// StillPulling says which pulls a rollout waits for, the longest first; "" when there are none. It changes only with them.
func (p *Plan) StillPulling() string {
	if len(p.Underway) == 0 {
		return ""
	}
	longest := p.Underway[0]
	text := fmt.Sprintf("Node %s has been pulling image %s since %s, and may take %.0f s",
		longest.Node, longest.Image, longest.Since.UTC().Format("2006-01-02T15:04:05Z"), p.Timeout.Seconds())
	if more := len(p.Underway) - 1; more > 0 {
		text += fmt.Sprintf("; pulls under way besides: %d", more)
	}
	return text + "."
}

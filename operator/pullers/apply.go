// SPDX-License-Identifier: Apache-2.0

package pullers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/refusal"
	"github.com/windlass-operator/windlass/operator/report"
)

// Outcome is what became of a plan of pulls.
type Outcome struct {
	// Tries are what was found out: by pullers that were there, or because one was refused.
	Tries []pull.Try
	// Failed are the writes that are worth another try.
	Failed []error
	// In is when to look again though nothing happens, 0 for never.
	In time.Duration
}

// crowded is when to look again whether there is room for one more puller.
const crowded = 5 * time.Second

// errLater says that a puller is to be made later: there are as many as there may be, the API server asks for patience,
// or one of before goes just now.
var errLater = errors.New("no puller now")

// useless says why no puller can find anything out: on a node, or, with inNamespace, in a namespace.
type useless struct {
	words       string
	inNamespace bool
}

func (e *useless) Error() string { return e.words }

// Apply carries a plan for an object out: it deletes pullers, and then makes the new ones. parallel is how many are
// written at once at most.
func (p *Pullers) Apply(ctx context.Context, owner client.Object, plan *pull.Plan, now time.Time, parallel int) Outcome {
	o := Outcome{}
	if p == nil {
		return o
	}
	end := func(ctx context.Context, e pull.End) error { return p.end(ctx, owner, e) }
	apply.Each(ctx, parallel, plan.Ends, end, func(end pull.End, err error) {
		if end.Try != nil {
			o.Tries = append(o.Tries, *end.Try)
		}
		o.fail(err)
	})
	start := func(ctx context.Context, s pull.Start) error { return p.start(ctx, owner, s, plan.Timeout, now) }
	apply.Each(ctx, parallel, plan.Starts, start, func(s pull.Start, err error) {
		nothing := (*useless)(nil)
		switch {
		case errors.Is(err, errLater):
			o.In = report.Soonest(o.In, crowded)
		case errors.As(err, &nothing), refusal.KindOf(err) == refusal.Refused:
			o.Tries = append(o.Tries, pull.Try{
				Key: s.Key, Namespace: s.For.Namespace, State: pull.SaysNothing, Words: refusal.Words(err),
				Refused: nothing == nil || nothing.inNamespace, Began: now, At: now,
			})
			o.In = time.Millisecond // the next namespace, or node
		default:
			o.fail(err)
		}
	})
	p.memory.note(p.key(owner), o.Tries)
	return o
}

func (o *Outcome) fail(err error) {
	if err != nil && !errors.Is(err, errGone) {
		o.Failed = append(o.Failed, err)
	}
}

// end deletes a puller, and no other Pod of its name.
func (p *Pullers) end(ctx context.Context, owner client.Object, e pull.End) error {
	p.memory.noteEnding(p.key(owner), e.Puller.UID)
	err := p.writer.Delete(ctx, apply.Identity(e.Puller), apply.Seen(e.Puller, false))
	if err == nil || apply.IsStale(err) {
		p.memory.noteEnded(p.key(owner), e.Puller.UID)
		return nil
	}
	return apply.Wrap(err, "delete Pod %s/%s, which pulls an image", e.Puller.Namespace, e.Puller.Name)
}

// errGone says that the Pod which a puller was for is gone, or elsewhere: its event brings the next look.
var errGone = errors.New("the Pod is gone")

// start makes a puller with what the Pod that it is for pulls with. The cache does not keep that, so the API server is
// asked.
func (p *Pullers) start(ctx context.Context, owner client.Object, s pull.Start, timeout time.Duration, now time.Time) error {
	live := &corev1.Pod{}
	if err := p.live.Get(ctx, client.ObjectKeyFromObject(s.For), live); err != nil {
		if apierrors.IsNotFound(err) {
			return errGone
		}
		return notMade(s, err)
	}
	if live.UID != s.For.UID || live.Spec.NodeName != s.Node {
		return errGone
	}
	if err := p.onWindows(ctx, s); err != nil {
		return err
	}
	p.memory.making.Lock()
	defer p.memory.making.Unlock()
	if p.memory.inAll() >= pull.MostInAll {
		return errLater
	}
	puller := pull.NewPod(s, live, p.kind, owner, timeout)
	err := p.writer.Create(ctx, puller)
	switch {
	case err == nil:
		p.memory.noteMade(p.key(owner), puller, now)
		return nil
	case apierrors.IsAlreadyExists(err):
		return p.makeWay(ctx, s, puller)
	case apierrors.IsTooManyRequests(err):
		return errLater
	case refusal.KindOf(err) == refusal.Refused:
		return err
	}
	return notMade(s, err)
}

// onWindows is an error on a node that runs Windows. The Pods there need not say so themselves.
func (p *Pullers) onWindows(ctx context.Context, s pull.Start) error {
	node := &corev1.Node{}
	if err := p.reader.Get(ctx, client.ObjectKey{Name: s.Node}, node); client.IgnoreNotFound(err) != nil {
		return notMade(s, err)
	}
	if node.Labels[corev1.LabelOSStable] == string(corev1.Windows) {
		return &useless{words: "node " + s.Node + " runs Windows, where no image is pulled ahead"}
	}
	return nil
}

// makeWay deletes a puller that we do not remember, so that another one of its name can be made. A Pod that is none
// stays, and nothing can be found out there.
func (p *Pullers) makeWay(ctx context.Context, s pull.Start, puller *corev1.Pod) error {
	there := &corev1.Pod{}
	switch err := p.live.Get(ctx, client.ObjectKeyFromObject(puller), there); {
	case apierrors.IsNotFound(err):
		return errLater
	case err != nil:
		return notMade(s, err)
	case !pull.Is(there), there.DeletionTimestamp != nil: // a puller goes at once, unless somebody keeps it from going
		return &useless{fmt.Sprintf("Pod %s/%s is there already, and none that we made", there.Namespace, there.Name), true}
	}
	if err := p.writer.Delete(ctx, apply.Identity(there), apply.Seen(there, false)); err != nil && !apply.IsStale(err) {
		return notMade(s, err)
	}
	return errLater
}

// notMade is the error of a puller that may be made at the next try. Nothing about it can have been stale, and so it is
// not wrapped.
func notMade(s pull.Start, err error) error {
	return errors.New(s.String() + ": " + err.Error())
}

// Forget drops what is remembered of an object that is gone. Its pullers go with it.
func (p *Pullers) Forget(name client.ObjectKey) {
	if p != nil {
		p.memory.forget(place{p.kind, name})
	}
}

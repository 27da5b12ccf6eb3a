// SPDX-License-Identifier: Apache-2.0

package statefulset

import "slices"

// target is a Pod that the rollout is to bring to the update revision, as far as the budget minds.
type target struct {
	// updated: it is at the update revision, and its claims are as asked.
	updated bool
	// begun: it waits, for a hook, for its grace period or for its claims to grow, to be brought there.
	begun bool
	// leaving: it is going, or is being made; a new one follows at the update revision.
	leaving bool
	// missing: there is none, and there will be none before another Pod serves or something out of our hands happens.
	missing bool
	// broken: it will not run unless something changes.
	broken bool
	// notUpgradable: podUpdatePolicy InPlaceOnly keeps it at the revision that it is at, so it takes no turn.
	notUpgradable bool
	// refused: the API server refused to let it be updated a moment ago, so nothing about it has changed; it is left
	// alone until it is due again.
	refused bool
	// doubtful: nobody knows whether its update was carried out; it keeps its share until it is due again.
	doubtful bool
	// kubeletUnknown: nobody knows whether its kubelet can make the change.
	kubeletUnknown bool
	// timedOut: its hook did not let go of it in time; it is asked again later.
	timedOut bool
	// retried: its update was refused before and is due again.
	retried bool
	// unpulled: it is not known yet whether its node gets the images that it is to run, or the node cannot.
	unpulled bool
	// available: it serves.
	available bool
}

// inFlight reports whether a target has been brought to the update revision, or is on its way, and does not serve yet.
func (t *target) inFlight() bool { return t.leaving || (t.updated && !t.available) }

// chooseTargets returns which targets may be updated now, as indexes, given in the order in which they are to go.
// others is how many Pods of the set, targets not counted, are unavailable; most is maxUnavailable. A target at the
// wrong revision goes:
//
//   - at once, always, if it is broken. So a broken template followed by its fix
//     needs no help;
//   - if it does not serve, when fewer than most targets are in flight: Pods that
//     were down before do not hold the rollout up, and a passing readiness blip
//     does not restart everything. Those begun already come first. A missing Pod
//     is not in flight: with OrderedReady it may wait for the very one that has
//     to be updated to serve;
//   - if it serves, in order, when fewer than most Pods of the whole set are in
//     flight or otherwise unavailable, and no more than maxUpdates at a time.
//
// Those whose update was refused before go after all others of their kind. While maxRefused of them wait for their next
// try none is begun at all: what refuses so many refuses the others as well, mostly, and each would cost a write.
//
// blocked tells that targets that serve wait for the budget.
func chooseTargets(targets []target, others, most int) (chosen []int, blocked bool) {
	c := sortOut(targets)
	if c.refused >= maxRefused {
		return nil, len(c.broken)+len(c.down)+len(c.serving) > 0
	}
	others += c.others
	chosen = c.broken
	inFlight := c.inFlight + len(c.broken)
	take := min(len(c.down), max(0, most-inFlight))
	chosen = append(chosen, c.down[:take]...)
	inFlight += take
	blocked = take < len(c.down)
	others += len(c.down) - take
	take = min(len(c.serving), max(0, most-inFlight-others))
	blocked = blocked || take < len(c.serving)
	chosen = append(chosen, c.serving[:min(take, maxUpdates)]...)
	if c.wary && len(chosen) > maxRefused-c.refused {
		return chosen[:maxRefused-c.refused], true
	}
	return chosen, blocked
}

// maxUpdates is how many Pods that serve one plan begins to update at most. A Pod that is back waits for the plan to be
// carried out before the next one lets it serve, and is to wait for no thousand others.
const maxUpdates = 250

// maxRefused is how many refused updates may wait for their next try before no other is begun. Once one was refused, no
// more than as many are begun at once.
const maxRefused = 16

// classes are targets sorted out by what they need.
type classes struct {
	// inFlight, refused and others count those that are not to be begun now. others are unavailable, and not because of
	// the update.
	inFlight, refused, others int
	// wary: an update was refused lately.
	wary bool
	// broken, down and serving are those that might be begun, in the order in which they are to go.
	broken, down, serving []int
}

func sortOut(targets []target) classes {
	c := classes{}
	for i := range targets {
		t := &targets[i]
		c.wary = c.wary || t.refused || t.retried
		switch {
		case t.inFlight(), t.doubtful:
			c.inFlight++
		case t.missing:
			c.others++
		case t.updated:
		case t.notUpgradable, t.refused, t.unpulled, t.kubeletUnknown, t.timedOut:
			c.leave(t)
		case t.broken:
			c.broken = append(c.broken, i)
		case t.available:
			c.serving = append(c.serving, i)
		default:
			c.down = append(c.down, i)
		}
	}
	slices.SortStableFunc(c.down, func(a, b int) int { return rank(targets[a].begun) - rank(targets[b].begun) })
	for _, list := range [][]int{c.broken, c.down, c.serving} {
		slices.SortStableFunc(list, func(a, b int) int { return rank(!targets[a].retried) - rank(!targets[b].retried) })
	}
	return c
}

// leave counts a target that is to be left as it is.
func (c *classes) leave(t *target) {
	if t.refused {
		c.refused++
	}
	if !t.available {
		c.others++
	}
}

// rank puts first what is so.
func rank(so bool) int {
	if so {
		return 0
	}
	return 1
}

package statefulset

import "slices"

// target is a Pod that the rollout is to bring to the update revision, as far as
// the budget minds.
type target struct {
	// updated: it is at the update revision, and its claims are as asked.
	updated bool
	// begun: it waits, for a hook, for its grace period or for its claims to
	// grow, to be brought there.
	begun bool
	// leaving: it is going, or is being made; a new one follows at the update
	// revision.
	leaving bool
	// missing: there is none, and there will be none before another Pod serves
	// or something out of our hands happens.
	missing bool
	// broken: it will not run unless something changes.
	broken bool
	// impossible: podUpdatePolicy InPlaceOnly keeps it at the revision that it is
	// at, so it takes no turn.
	impossible bool
	// available: it serves.
	available bool
}

// inFlight tells whether a target has been brought to the update revision, or is
// on its way, and does not serve yet.
func (t *target) inFlight() bool { return t.leaving || (t.updated && !t.available) }

// chooseTargets returns which targets may be updated now, as indexes, given in
// the order in which they are to go. others is how many Pods of the set, targets
// not counted, are unavailable; most is maxUnavailable. A target at the wrong
// revision goes:
//
//   - at once, always, if it is broken. So a broken template followed by its fix
//     needs no help;
//   - if it does not serve, when fewer than most targets are in flight: Pods that
//     were down before do not hold the rollout up, and a passing readiness blip
//     does not restart everything. Those begun already come first. A missing Pod
//     is not in flight: with OrderedReady it may wait for the very one that has
//     to be updated to serve;
//   - if it serves, in order, when fewer than most Pods of the whole set are in
//     flight or otherwise unavailable.
//
// blocked tells that targets that serve wait for the budget.
func chooseTargets(targets []target, others, most int) (chosen []int, blocked bool) {
	inFlight := 0
	var broken, down, serving []int
	for i := range targets {
		t := &targets[i]
		switch {
		case t.inFlight():
			inFlight++
		case t.missing:
			others++
		case t.updated, t.impossible && t.available:
		case t.impossible:
			others++
		case t.broken:
			broken = append(broken, i)
		case t.available:
			serving = append(serving, i)
		default:
			down = append(down, i)
		}
	}
	chosen = broken
	inFlight += len(broken)
	slices.SortStableFunc(down, func(a, b int) int { return rank(targets[a].begun) - rank(targets[b].begun) })
	take := min(len(down), max(0, most-inFlight))
	chosen = append(chosen, down[:take]...)
	inFlight += take
	blocked = take < len(down)
	others += len(down) - take
	take = min(len(serving), max(0, most-inFlight-others))
	return append(chosen, serving[:take]...), blocked || take < len(serving)
}

// rank puts what has begun first.
func rank(begun bool) int {
	if begun {
		return 0
	}
	return 1
}

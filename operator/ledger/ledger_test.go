// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/operator/apply"
)

func pod(name string) *corev1.Pod {
	out := &corev1.Pod{}
	out.Namespace, out.Name, out.UID = "shop", name, types.UID("uid of "+name)
	return out
}

func budget(name string) Budget {
	return Budget{DisruptionBudget, types.NamespacedName{Namespace: "shop", Name: name}}
}

func budgets(names ...string) (out []Budget) {
	for _, name := range names {
		out = append(out, budget(name))
	}
	return out
}

// A look that began before another one took is stale for what that took from.
func TestWhoMayTake(t *testing.T) {
	type take struct {
		by, pod string
		from    []Budget
	}
	for name, test := range map[string]struct {
		// before are taken before a's page is read, since after that.
		before, since []take
		from          []Budget
		want          error
	}{
		"nobody has taken":                   {from: budgets("web")},
		"another one took before":            {before: []take{{"b", "1", budgets("web")}}, from: budgets("web")},
		"another one took since":             {since: []take{{"b", "1", budgets("web")}}, from: budgets("web"), want: apply.ErrOvertaken},
		"from another budget":                {since: []take{{"b", "1", budgets("db")}}, from: budgets("web")},
		"from one of two budgets":            {since: []take{{"b", "1", budgets("db")}}, from: budgets("web", "db"), want: apply.ErrOvertaken},
		"it took itself":                     {since: []take{{"a", "1", budgets("web")}}, from: budgets("web")},
		"another one, and then itself":       {since: []take{{"b", "1", budgets("web")}, {"c", "2", budgets("db")}, {"a", "3", budgets("db")}}, from: budgets("db"), want: apply.ErrOvertaken},
		"itself, and another one before":     {before: []take{{"b", "1", budgets("web")}}, since: []take{{"a", "2", budgets("web")}}, from: budgets("web")},
		"a Pod in no budget is always taken": {since: []take{{"b", "1", budgets("web")}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := New()
			for _, x := range test.before {
				if _, err := l.Read(x.by).Take(pod(x.pod), x.from); err != nil {
					t.Fatal(err)
				}
			}
			page := l.Read("a")
			for _, x := range test.since {
				reader := page
				if x.by != "a" {
					reader = l.Read(x.by)
				}
				if _, err := reader.Take(pod(x.pod), x.from); err != nil && x.by != "a" {
					t.Fatal(err)
				}
			}
			if _, err := page.Take(pod("0"), test.from); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestHowAnEntryEnds(t *testing.T) {
	p := pod("0")
	take := func(t *testing.T, l *Ledger, by string) *Entry {
		entry, err := l.Read(by).Take(p, budgets("web"))
		if err != nil {
			t.Fatal(err)
		}
		return entry
	}
	for name, test := range map[string]struct {
		then func(t *testing.T, l *Ledger)
		want bool
	}{
		"its write is on its way":           {func(t *testing.T, l *Ledger) { take(t, l, "a") }, true},
		"its write was answered":            {func(t *testing.T, l *Ledger) { take(t, l, "a").Answered(Shown) }, false},
		"nobody knows whether it was":       {func(t *testing.T, l *Ledger) { take(t, l, "a").Answered(Doubtful) }, true},
		"an eviction, not in the cache yet": {func(t *testing.T, l *Ledger) { take(t, l, "a").Answered(Unseen) }, true},
		"an eviction that the cache shows": {func(t *testing.T, l *Ledger) {
			take(t, l, "a").Answered(Unseen)
			l.Read("b").Seen(IDOf(p))
		}, false},
		"a write on its way, though the cache shows an end": {func(t *testing.T, l *Ledger) {
			take(t, l, "a")
			l.Read("b").Seen(IDOf(p))
		}, true},
		"a doubtful one that its taker still doubts": {func(t *testing.T, l *Ledger) {
			take(t, l, "a").Answered(Doubtful)
			l.Keep("a", sets.New(p.UID))
		}, true},
		"a doubtful one that its taker has given up": {func(t *testing.T, l *Ledger) {
			take(t, l, "a").Answered(Doubtful)
			l.Keep("a", nil)
		}, false},
		"a doubtful one, and another taker has no doubts": {func(t *testing.T, l *Ledger) {
			take(t, l, "a").Answered(Doubtful)
			l.Keep("b", nil)
		}, true},
		"a write on its way, whose taker has no doubts": {func(t *testing.T, l *Ledger) {
			take(t, l, "a")
			l.Keep("a", nil)
		}, true},
		"a doubtful one that was tried again": {func(t *testing.T, l *Ledger) {
			take(t, l, "a").Answered(Doubtful)
			take(t, l, "a").Answered(Shown)
		}, false},
		"the next try is on its way as the first is answered after all": {func(t *testing.T, l *Ledger) {
			first := take(t, l, "a")
			take(t, l, "a")
			first.Answered(Shown)
		}, true},
		"two takers, one answered": {func(t *testing.T, l *Ledger) {
			take(t, l, "a").Answered(Shown)
			take(t, l, "b")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := New()
			test.then(t, l)
			if got := l.Read("c").Taken(p); got != test.want {
				t.Errorf("taken: %t, want %t", got, test.want)
			}
		})
	}
}

// A snapshot was read before what ends an entry is known: it counts the Pod as down, whatever its cache says.
func TestAPageDoesNotChange(t *testing.T) {
	l := New()
	entry, _ := l.Read("a").Take(pod("0"), budgets("web"))
	page := l.Read("b")
	entry.Answered(Unseen)
	if diff := cmp.Diff([]PodID{IDOf(pod("0"))}, page.Unseen()); diff != "" {
		t.Errorf("unseen (-want +got):\n%s", diff)
	}
	page.Seen(IDOf(pod("0")))
	if !page.Taken(pod("0")) {
		t.Error("the page has lost an entry")
	}
	if (*Page)(nil).Taken(pod("any")) {
		t.Error("no page has an entry")
	}
	none, err := (*Page)(nil).Take(pod("0"), budgets("web"))
	none.Answered(Shown)
	if none != nil || err != nil {
		t.Errorf("no page gave the entry %v, %v", none, err)
	}
}

// What is remembered is bounded; what was forgotten is taken for younger than every page that was read before.
func TestMoreBudgetsThanAreRemembered(t *testing.T) {
	l := New()
	l.most = 10
	old := l.Read("old")
	for i := range 100 {
		entry, err := l.Read("b").Take(pod(fmt.Sprint(i)), budgets(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		entry.Answered(Shown)
	}
	if n := len(l.last); n > 11 {
		t.Errorf("%d budgets are remembered", n)
	}
	for _, name := range []string{"0", "99", "never taken"} {
		if _, err := old.Take(pod("0"), budgets(name)); !errors.Is(err, apply.ErrOvertaken) {
			t.Errorf("budget %s, by a page from before: %v", name, err)
		}
		if _, err := l.Read("a").Take(pod("0"), budgets(name)); err != nil {
			t.Errorf("budget %s, by a page from now: %v", name, err)
		}
	}
}

// cluster is a store, and a cache of it that lags behind but for our own answered patches, as wiring.Client makes it.
type cluster struct {
	mu           sync.Mutex
	store, cache map[types.UID]bool // whether a Pod is down
	patched      map[types.UID]bool // what every list must show
}

// list waits for what was answered, and may or may not show what was evicted.
func (c *cluster) list() map[types.UID]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for uid := range c.patched {
		c.cache[uid] = true
	}
	out := map[types.UID]bool{}
	for uid := range c.cache {
		out[uid] = true
	}
	return out
}

func (c *cluster) take(uid types.UID, patch bool) (down int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store[uid] = true
	if patch {
		c.patched[uid] = true
	}
	return len(c.store)
}

func (c *cluster) back(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.store, uid)
	delete(c.cache, uid)
	delete(c.patched, uid)
}

// spread lets the cache learn of evictions.
func (c *cluster) spread() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for uid := range c.store {
		c.cache[uid] = true
	}
}

// Many takers restart and evict Pods of one budget, each by what it sees, and it is never overspent.
func TestManyTakersNeverSpendABudgetTwice(t *testing.T) {
	const takers, looks, members, allowed = 16, 400, 12, 3
	l, c := New(), &cluster{store: map[types.UID]bool{}, cache: map[types.UID]bool{}, patched: map[types.UID]bool{}}
	var wg sync.WaitGroup
	var mu sync.Mutex
	most, taken, overtaken := 0, 0, 0
	for n := range takers {
		wg.Go(func() {
			random, by := rand.New(rand.NewPCG(uint64(n), 1)), fmt.Sprint("taker ", n)
			for range looks {
				l.Keep(by, nil)
				page := l.Read(by)
				runtime.Gosched()
				down := c.list()
				for _, id := range page.Unseen() {
					if down[id.UID] {
						page.Seen(id)
					}
				}
				for _, i := range random.Perm(members) {
					if page.Taken(pod(fmt.Sprint(i))) {
						down[pod(fmt.Sprint(i)).UID] = true
					}
				}
				room := allowed - len(down)
				for _, i := range random.Perm(members) {
					member := pod(fmt.Sprint(i))
					if room <= 0 || down[member.UID] {
						continue
					}
					room--
					runtime.Gosched()
					entry, err := page.Take(member, budgets("web"))
					if err != nil {
						mu.Lock()
						overtaken++
						mu.Unlock()
						break
					}
					runtime.Gosched()
					patch := random.IntN(2) == 0
					if random.IntN(10) == 0 {
						entry.Answered(Shown) // refused
						continue
					}
					now := c.take(member.UID, patch)
					mu.Lock()
					most, taken = max(most, now), taken+1
					mu.Unlock()
					if patch {
						entry.Answered(Shown)
					} else {
						entry.Answered(Unseen)
					}
				}
				if random.IntN(3) == 0 {
					c.spread()
				}
				// What is back has been seen to be down before: the kubelet takes longer than a cache.
				for uid := range c.list() {
					if random.IntN(2) == 0 && !l.Read(by).Taken(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid}}) {
						c.back(uid)
					}
				}
			}
		})
	}
	wg.Wait()
	if most > allowed {
		t.Errorf("%d Pods were down at a time, allowed are %d", most, allowed)
	}
	if taken < members || overtaken == 0 {
		t.Errorf("%d Pods were taken, %d takers were overtaken: nothing was tried", taken, overtaken)
	}
	t.Logf("taken %d, overtaken %d, most at a time %d", taken, overtaken, most)
}

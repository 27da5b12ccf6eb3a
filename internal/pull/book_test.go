// SPDX-License-Identifier: Apache-2.0

package pull_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/pull"
	build "github.com/windlass-operator/windlass/internal/testing"
)

const image = "mesh:2"

var now = build.Epoch.Add(time.Hour)

func candidate(namespace, name, node string) pull.Candidate {
	pod := build.MakePod(name).Namespace(namespace).Obj()
	pod.Spec.NodeName = node
	return pull.Candidate{Pod: pod, Images: []pull.Image{{Container: "mesh", Name: image}}}
}

// five are candidates on five nodes, of two namespaces.
func five() []pull.Candidate {
	return []pull.Candidate{
		candidate("shop", "a", "n1"), candidate("shop", "b", "n2"), candidate("pay", "c", "n3"), candidate("pay", "d", "n4"),
		candidate("pay", "e", "n5"),
	}
}

// tried is what came of a puller that was judged some time ago, half a minute after it began.
func tried(node string, state pull.State, ago time.Duration) pull.Try {
	return pull.Try{
		Key: pull.Key{Node: node, Image: image}, Namespace: "shop", State: state, Words: "not found",
		Puller: types.UID(node), Began: now.Add(-ago - 30*time.Second), At: now.Add(-ago),
	}
}

// by is a puller of another namespace.
func by(namespace string, t pull.Try) pull.Try {
	t.Namespace = namespace
	return t
}

// refused is a puller that the API server did not take.
func refused(namespace string, ago time.Duration) pull.Try {
	t := tried("n1", pull.SaysNothing, ago)
	t.Namespace, t.Refused, t.Words = namespace, true, "exceeded quota"
	return t
}

// lost is a puller that somebody has deleted.
func lost(namespace, node string, ago time.Duration) pull.Try {
	t := by(namespace, tried(node, pull.SaysNothing, ago))
	t.Lost, t.Words = true, "deleted"
	return t
}

// there is a puller of namespace shop that its kubelet took some time ago.
func there(node string, age, failing time.Duration, status corev1.ContainerStatus) pull.Puller {
	pod := puller(status)
	pod.Namespace, pod.Name, pod.UID, pod.Spec.NodeName = "shop", "pull-"+node, types.UID("new-"+node), node
	pod.CreationTimestamp = metav1.NewTime(now.Add(-age))
	pod.Status.StartTime = &pod.CreationTimestamp
	p := pull.Puller{Pod: pod}
	if failing > 0 {
		p.FailingSince = now.Add(-failing)
	}
	return p
}

// decision is what a Book makes of its input, in short.
type decision struct {
	// Pods is what each candidate is told.
	Pods         string
	Starts, Ends []string
	Missing      []string
	Silent       []string
	Soon         time.Duration
}

func decide(in pull.Input) decision {
	in.Now = now
	if in.Parallelism == 0 {
		in.Parallelism = 10
	}
	in.Timeout = 10 * time.Minute
	book, out := pull.NewBook(in), decision{}
	for _, c := range in.Candidates {
		out.Pods += map[pull.State]string{pull.Has: "+", pull.Pulling: "?", pull.Cannot: "-"}[book.Ask(c).State]
	}
	plan := book.Plan()
	for _, s := range plan.Starts {
		out.Starts = append(out.Starts, s.Node)
	}
	for _, e := range plan.Ends {
		verdict := ""
		if e.Try != nil {
			verdict = " " + string(e.Try.State)
		}
		out.Ends = append(out.Ends, e.Puller.Name+verdict)
	}
	for _, m := range plan.Missing {
		out.Missing = append(out.Missing, fmt.Sprintf("%v %s", m.Nodes, m.Words))
	}
	for _, s := range plan.Silent {
		out.Silent = append(out.Silent, s.Node+": "+s.Words)
	}
	out.Soon = plan.In
	return out
}

func TestOneNodeMustHaveAnImageBeforeAnythingRestarts(t *testing.T) {
	failing := waits("ErrImagePull", "not found")
	for name, test := range map[string]struct {
		in   pull.Input
		want decision
	}{
		"the node of the first candidate is asked": {want: decision{Pods: "?????", Starts: []string{"n1"}}},
		"it pulls": {
			in:   pull.Input{Known: pull.Known{Pullers: []pull.Puller{there("n1", time.Second, 0, waits("ContainerCreating", ""))}}},
			want: decision{Pods: "?????", Soon: 10*time.Minute - time.Second},
		},
		"it has the image": {
			in:   pull.Input{Known: pull.Known{Pullers: []pull.Puller{there("n1", time.Second, 0, ends("StartError", "x"))}}},
			want: decision{Pods: "+++++", Ends: []string{"pull-n1 Has"}},
		},
		"it had, nine minutes ago":      {in: pull.Input{Known: pull.Known{Tries: []pull.Try{tried("n1", pull.Has, 9*time.Minute)}}}, want: decision{Pods: "+++++"}},
		"it had, ten minutes ago":       {in: pull.Input{Known: pull.Known{Tries: []pull.Try{tried("n1", pull.Has, 10*time.Minute)}}}, want: decision{Pods: "?????", Starts: []string{"n1"}}},
		"a Pod of another node runs it": {in: pull.Input{Runs: map[pull.Key]bool{{Node: "n9", Image: image}: true}}, want: decision{Pods: "+++++"}},
		"a Pod runs another image":      {in: pull.Input{Runs: map[pull.Key]bool{{Node: "n1", Image: "mesh:1"}: true}}, want: decision{Pods: "?????", Starts: []string{"n1"}}},
		"it fails for 29 s": {
			in:   pull.Input{Known: pull.Known{Pullers: []pull.Puller{there("n1", 31*time.Second, 29*time.Second, failing)}}},
			want: decision{Pods: "?????", Soon: time.Second},
		},
		"it cannot, and a second node is asked, for a Pod of another namespace": {
			in:   pull.Input{Known: pull.Known{Pullers: []pull.Puller{there("n1", 32*time.Second, 30*time.Second, failing)}}},
			want: decision{Pods: "?????", Starts: []string{"n3"}, Ends: []string{"pull-n1 Cannot"}},
		},
		"or of the same one, where there is no other": {
			in:   pull.Input{Known: pull.Known{Pullers: []pull.Puller{there("n1", 32*time.Second, 30*time.Second, failing)}}, Candidates: five()[:2]},
			want: decision{Pods: "??", Starts: []string{"n2"}, Ends: []string{"pull-n1 Cannot"}},
		},
		"or the same node, for a Pod of another namespace": {
			in: pull.Input{
				Known:      pull.Known{Pullers: []pull.Puller{there("n1", 32*time.Second, 30*time.Second, failing)}},
				Candidates: []pull.Candidate{candidate("shop", "a", "n1"), candidate("shop", "b", "n2"), candidate("pay", "c", "n1")},
			},
			want: decision{Pods: "???", Starts: []string{"n1"}, Ends: []string{"pull-n1 Cannot"}},
		},
		"the second node has to fail for 5 s alone": {
			in: pull.Input{Known: pull.Known{
				Tries: []pull.Try{tried("n1", pull.Cannot, 7*time.Second)}, Pullers: []pull.Puller{there("n2", 7*time.Second, 5*time.Second, failing)},
			}},
			want: decision{Pods: "?????", Starts: []string{"n3"}, Ends: []string{"pull-n2 Cannot"}},
		},
		"three nodes cannot": {
			in: pull.Input{Known: pull.Known{
				Tries:   []pull.Try{tried("n1", pull.Cannot, 14*time.Second), tried("n2", pull.Cannot, 7*time.Second)},
				Pullers: []pull.Puller{there("n3", 7*time.Second, 5*time.Second, failing)},
			}},
			want: decision{Pods: "-----", Ends: []string{"pull-n3 Cannot"}, Missing: []string{"[n1 n2 n3] not found"}, Soon: time.Minute},
		},
		"there are but two nodes, and neither can": {
			in:   pull.Input{Known: pull.Known{Tries: []pull.Try{tried("n1", pull.Cannot, 20*time.Second), tried("n2", pull.Cannot, 10*time.Second)}}, Candidates: five()[:2]},
			want: decision{Pods: "--", Missing: []string{"[n1 n2] not found"}, Soon: 50 * time.Second},
		},
		"they are asked again after a minute": {
			in: pull.Input{Known: pull.Known{Tries: []pull.Try{
				tried("n1", pull.Cannot, 80*time.Second), tried("n2", pull.Cannot, 70*time.Second), by("pay", tried("n3", pull.Cannot, 60*time.Second)),
			}}},
			want: decision{Pods: "-----", Starts: []string{"n1"}, Missing: []string{"[n1 n2 n3] not found"}},
		},
		"and it is said still while the first pulls": {
			in: pull.Input{Known: pull.Known{
				Tries: []pull.Try{
					tried("n1", pull.Cannot, 80*time.Second), tried("n2", pull.Cannot, 70*time.Second), tried("n3", pull.Cannot, 61*time.Second),
				},
				Pullers: []pull.Puller{there("n1", time.Second, 0, waits("ContainerCreating", ""))},
			}},
			want: decision{Pods: "-----", Missing: []string{"[n1 n2 n3] not found"}, Soon: 10*time.Minute - time.Second},
		},
		"the tag was pushed meanwhile": {
			in: pull.Input{Known: pull.Known{
				Tries: []pull.Try{
					tried("n1", pull.Cannot, 80*time.Second), tried("n2", pull.Cannot, 70*time.Second), tried("n3", pull.Cannot, 61*time.Second),
				},
				Pullers: []pull.Puller{there("n1", time.Second, 0, ends("StartError", "x"))},
			}},
			want: decision{Pods: "+++++", Ends: []string{"pull-n1 Has"}},
		},
		"after a second round they wait for two minutes": {
			in: pull.Input{Known: pull.Known{Tries: []pull.Try{
				tried("n1", pull.Cannot, 200*time.Second), tried("n2", pull.Cannot, 190*time.Second), tried("n3", pull.Cannot, 180*time.Second),
				tried("n1", pull.Cannot, 90*time.Second), tried("n2", pull.Cannot, 80*time.Second), tried("n3", pull.Cannot, 70*time.Second),
			}}},
			want: decision{Pods: "-----", Missing: []string{"[n1 n2 n3] not found"}, Soon: 50 * time.Second},
		},
		"the namespace takes no puller, the next does": {
			in:   pull.Input{Known: pull.Known{Tries: []pull.Try{refused("shop", time.Second)}}},
			want: decision{Pods: "?????", Starts: []string{"n3"}},
		},
		"no namespace takes a puller": {
			in:   pull.Input{Known: pull.Known{Tries: []pull.Try{refused("shop", 2*time.Second), refused("pay", time.Second)}}},
			want: decision{Pods: "+++++", Silent: []string{": exceeded quota"}},
		},
		"three namespaces were asked, and a fourth is not": {
			in:   pull.Input{Known: pull.Known{Tries: []pull.Try{refused("a", 3*time.Second), refused("b", 2*time.Second), refused("c", time.Second)}}},
			want: decision{Pods: "+++++", Silent: []string{": exceeded quota"}},
		},
		"what a namespace refused ten minutes ago is tried again": {
			in:   pull.Input{Known: pull.Known{Tries: []pull.Try{refused("shop", 10*time.Minute)}}},
			want: decision{Pods: "?????", Starts: []string{"n1"}},
		},
		"a kubelet took no puller, the next node is asked": {
			in:   pull.Input{Known: pull.Known{Tries: []pull.Try{tried("n1", pull.SaysNothing, time.Second)}}},
			want: decision{Pods: "?????", Starts: []string{"n2"}},
		},
		"a puller was deleted, the next namespace is asked, on the same node too": {
			in: pull.Input{
				Known:      pull.Known{Tries: []pull.Try{lost("shop", "n1", time.Second)}},
				Candidates: []pull.Candidate{candidate("shop", "a", "n1"), candidate("pay", "c", "n1")},
			},
			want: decision{Pods: "??", Starts: []string{"n1"}},
		},
		"or the next node": {
			in:   pull.Input{Known: pull.Known{Tries: []pull.Try{lost("shop", "n1", time.Second)}}, Candidates: five()[:2]},
			want: decision{Pods: "??", Starts: []string{"n2"}},
		},
		"wherever one is made it is deleted": {
			in:   pull.Input{Known: pull.Known{Tries: []pull.Try{lost("shop", "n1", 3*time.Second), lost("shop", "n2", 2*time.Second)}}, Candidates: five()[:2]},
			want: decision{Pods: "++", Silent: []string{": deleted"}},
		},
		"one node cannot, and of the others nothing is known": {
			in: pull.Input{Known: pull.Known{Tries: []pull.Try{
				tried("n1", pull.Cannot, 9*time.Second), tried("n2", pull.SaysNothing, time.Second), refused("pay", time.Second),
			}}},
			want: decision{Pods: "-----", Missing: []string{"[n1] not found"}, Soon: 51 * time.Second},
		},
		"a node that was asked for two namespaces is named once": {
			in: pull.Input{
				Known:      pull.Known{Tries: []pull.Try{tried("n1", pull.Cannot, 20*time.Second), by("pay", tried("n1", pull.Cannot, 10*time.Second))}},
				Candidates: []pull.Candidate{candidate("shop", "a", "n1"), candidate("pay", "c", "n1")},
			},
			want: decision{Pods: "--", Missing: []string{"[n1] not found"}, Soon: 50 * time.Second},
		},
		"there are as many pullers as there may be": {
			in: pull.Input{Known: pull.Known{InAll: pull.MostInAll}}, want: decision{Pods: "?????", Soon: 5 * time.Second},
		},
		"a Pod without a node has nothing to ask": {
			in: pull.Input{Candidates: []pull.Candidate{candidate("shop", "a", "")}}, want: decision{Pods: "+"},
		},
		"nobody waits any more": {
			in: pull.Input{Candidates: []pull.Candidate{}, Known: pull.Known{
				Pullers: []pull.Puller{there("n1", time.Second, 0, waits("ContainerCreating", ""))}, Stray: []*corev1.Pod{there("n2", 0, 0, failing).Pod},
			}},
			want: decision{Ends: []string{"pull-n1", "pull-n2"}},
		},
		"it was judged before, and could not be deleted": {
			in: pull.Input{Known: pull.Known{
				Tries:   []pull.Try{{Key: pull.Key{Node: "n1", Image: image}, State: pull.Has, Puller: "new-n1", At: now.Add(-time.Second)}},
				Pullers: []pull.Puller{there("n1", time.Second, 0, ends("StartError", "x"))},
			}},
			want: decision{Pods: "+++++", Ends: []string{"pull-n1"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.in.Candidates == nil {
				test.in.Candidates = five()
			}
			if diff := cmp.Diff(test.want, decide(test.in)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryNodePullsAheadOfItsPods(t *testing.T) {
	has := func(nodes ...string) (out []pull.Try) {
		for _, node := range nodes {
			out = append(out, tried(node, pull.Has, time.Minute))
		}
		return out
	}
	for name, test := range map[string]struct {
		in   pull.Input
		want decision
	}{
		"one node first": {want: decision{Pods: "?????", Starts: []string{"n1"}}},
		"then the others, as many as may": {
			in: pull.Input{Known: pull.Known{Tries: has("n1")}, Parallelism: 2}, want: decision{Pods: "+????", Starts: []string{"n2", "n3"}},
		},
		"those that pull count": {
			in:   pull.Input{Parallelism: 2, Known: pull.Known{Tries: has("n1"), Pullers: []pull.Puller{there("n2", time.Second, 0, waits("ContainerCreating", ""))}}},
			want: decision{Pods: "+????", Starts: []string{"n3"}, Soon: 10*time.Minute - time.Second},
		},
		"a Pod whose node has it need not wait for others": {in: pull.Input{Known: pull.Known{Tries: has("n1", "n3"), InAll: pull.MostInAll}}, want: decision{Pods: "+?+??", Soon: 5 * time.Second}},
		"a node that runs it has it":                       {in: pull.Input{Known: pull.Known{Tries: has("n1", "n3", "n4", "n5")}, Runs: map[pull.Key]bool{{Node: "n2", Image: image}: true}}, want: decision{Pods: "+++++"}},
		"a node cannot get it, the others go on": {
			in:   pull.Input{Known: pull.Known{Tries: append(has("n1", "n3", "n4", "n5"), tried("n2", pull.Cannot, 20*time.Second))}},
			want: decision{Pods: "+-+++", Soon: 40 * time.Second},
		},
		"it is asked again after a minute": {
			in:   pull.Input{Known: pull.Known{Tries: append(has("n1", "n3", "n4", "n5"), tried("n2", pull.Cannot, time.Minute))}},
			want: decision{Pods: "+-+++", Starts: []string{"n2"}},
		},
		"and then after two": {
			in:   pull.Input{Known: pull.Known{Tries: append(has("n1", "n3", "n4", "n5"), tried("n2", pull.Cannot, 3*time.Minute), tried("n2", pull.Cannot, time.Minute))}},
			want: decision{Pods: "+-+++", Soon: time.Minute},
		},
		"of a node nothing can be found out": {
			in:   pull.Input{Known: pull.Known{Tries: append(has("n1", "n3", "n4", "n5"), tried("n2", pull.SaysNothing, time.Minute))}},
			want: decision{Pods: "+++++", Silent: []string{"n2: not found"}},
		},
		"a puller was deleted, another namespace of the node is asked": {
			in: pull.Input{
				Known:      pull.Known{Tries: append(has("n9"), lost("shop", "n1", time.Second))},
				Candidates: []pull.Candidate{candidate("shop", "a", "n1"), candidate("pay", "c", "n1")},
			},
			want: decision{Pods: "??", Starts: []string{"n1"}},
		},
		"a namespace takes no puller": {
			in:   pull.Input{Known: pull.Known{Tries: append(has("n3", "n4", "n5"), refused("shop", time.Minute))}},
			want: decision{Pods: "+++++", Silent: []string{"n1: exceeded quota", "n2: exceeded quota"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.in.EveryNode = true
			if test.in.Candidates == nil {
				test.in.Candidates = five()
			}
			if diff := cmp.Diff(test.want, decide(test.in)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

// A namespace with a wrong pull secret, or none, harms nobody else, and no Pod of its own.
func TestANamespaceThatCannotPullWaitsAlone(t *testing.T) {
	three := []pull.Candidate{candidate("shop", "a", "n1"), candidate("shop", "b", "n2"), candidate("pay", "c", "n1")}
	cannot := tried("n1", pull.Cannot, 20*time.Second) // of shop
	paid := by("pay", tried("n1", pull.Has, 10*time.Second))
	for name, test := range map[string]struct {
		tries []pull.Try
		every bool
		want  decision
		why   string
	}{
		"the others go, and it tries by itself where it has not yet": {
			tries: []pull.Try{cannot, paid}, want: decision{Pods: "-?+", Starts: []string{"n2"}, Soon: 40 * time.Second},
			why: "Node n1 cannot get image mesh:2 for namespace shop: not found",
		},
		"also where every node pulls": {
			tries: []pull.Try{cannot, paid}, every: true, want: decision{Pods: "-?+", Starts: []string{"n2"}, Soon: 40 * time.Second},
			why: "Node n1 cannot get image mesh:2 for namespace shop: not found",
		},
		"it could on the other node, so it was the first node": {
			tries: []pull.Try{cannot, paid, tried("n2", pull.Has, time.Second)}, want: decision{Pods: "+++"},
		},
		"what it could not twenty minutes ago says nothing of it": {
			tries: []pull.Try{tried("n1", pull.Cannot, 20*time.Minute), paid}, want: decision{Pods: "+++"},
		},
		"it is asked again after a minute": {
			tries: []pull.Try{tried("n1", pull.Cannot, time.Minute), tried("n2", pull.Cannot, 10*time.Second), paid},
			want:  decision{Pods: "--+", Starts: []string{"n1"}, Soon: 50 * time.Second},
			why:   "Node n1 cannot get image mesh:2 for namespace shop: not found",
		},
		"and goes when it can": {
			tries: []pull.Try{tried("n1", pull.Cannot, time.Minute), paid, tried("n1", pull.Has, time.Second)}, want: decision{Pods: "+++"},
		},
		"a node where three namespaces could not cannot for a fourth either": {
			tries: []pull.Try{
				cannot, by("a", tried("n1", pull.Cannot, 15*time.Second)), by("b", tried("n1", pull.Cannot, 14*time.Second)),
				by("c", tried("n9", pull.Has, 10*time.Second)),
			}, every: true,
			want: decision{Pods: "-?-", Starts: []string{"n2"}, Soon: 40 * time.Second},
			why:  "Node n1 cannot get image mesh:2 for namespace shop: not found",
		},
		"a node where another namespace could not is asked for the one that may be able": {
			tries: []pull.Try{cannot, by("pay", tried("n9", pull.Has, 10*time.Second))}, every: true,
			want: decision{Pods: "-??", Starts: []string{"n2", "n1"}, Soon: 40 * time.Second},
			why:  "Node n1 cannot get image mesh:2 for namespace shop: not found",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := pull.Input{Known: pull.Known{Tries: test.tries}, EveryNode: test.every, Candidates: three}
			if diff := cmp.Diff(test.want, decide(in)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			in.Now, in.Parallelism, in.Timeout = now, 10, 10*time.Minute
			if diff := cmp.Diff(test.why, pull.NewBook(in).Ask(three[0]).Why); diff != "" {
				t.Errorf("why the first waits (-want +got):\n%s", diff)
			}
		})
	}
}

// What is pulled long before anybody needs it is pulled again when somebody does.
func TestNodesPullNoFurtherAheadThanTheirTurn(t *testing.T) {
	in := pull.Input{EveryNode: true, Parallelism: 2, Known: pull.Known{Now: now}, Timeout: time.Minute}
	for i := range 20 {
		node := fmt.Sprintf("n%02d", i)
		in.Candidates = append(in.Candidates, candidate("shop", node, node))
		if i < 4 {
			in.Tries = append(in.Tries, tried(node, pull.Has, time.Second))
		}
	}
	book := pull.NewBook(in)
	if got := len(book.Plan().Starts); got != 0 {
		t.Errorf("%d nodes pull though nobody waits for them", got)
	}
	if got := book.Ask(in.Candidates[19]).State; got != pull.Pulling {
		t.Errorf("the Pod of a node further on may go: %s", got)
	}
	if got := book.Plan().Starts; len(got) != 1 || got[0].Node != "n19" {
		t.Errorf("the node whose turn it is does not pull: %v", got)
	}
}

func TestAPodOfSeveralImagesWaitsForTheWorstOfThem(t *testing.T) {
	c := candidate("shop", "a", "n1")
	c.Images = append(c.Images, pull.Image{Container: "log", Name: "log:2"}, pull.Image{Container: "dns", Name: "dns:2"})
	in := pull.Input{
		Known:       pull.Known{Now: now, Tries: []pull.Try{tried("n1", pull.Has, time.Second)}},
		Parallelism: 10, Timeout: time.Minute, Candidates: []pull.Candidate{c},
	}
	bad := tried("n1", pull.Cannot, time.Second)
	bad.Image = "dns:2"
	in.Tries = append(in.Tries, bad)
	want := pull.Answer{State: pull.Cannot, Why: "No node that was asked can get image dns:2"}
	book := pull.NewBook(in)
	if diff := cmp.Diff(want, book.Ask(c)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if got := book.Plan().Starts; len(got) != 1 || got[0].Image != "log:2" || got[0].Container != "log" {
		t.Errorf("pulls begun: %v, want one of log:2", got)
	}
}

// A registry is not asked more often the longer it fails.
func TestNodesAreAskedAgainAfterPausesThatOnlyGrow(t *testing.T) {
	for name, in := range map[string]pull.Input{
		"no node can get the image": {},
		"one node cannot get it":    {EveryNode: true, Runs: map[pull.Key]bool{{Node: "n9", Image: image}: true}},
	} {
		t.Run(name, func(t *testing.T) {
			in.Parallelism, in.Timeout, in.Candidates = 10, time.Hour, five()[:1]
			var asked []time.Time
			for in.Now = now; in.Now.Before(now.Add(3 * time.Hour)); in.Now = in.Now.Add(10 * time.Second) {
				in.Tries = pull.Recent(in.Tries, in.Now)
				book := pull.NewBook(in)
				book.Ask(in.Candidates[0])
				for _, s := range book.Plan().Starts {
					in.Tries = append(in.Tries, pull.Try{
						Key: s.Key, Namespace: s.For.Namespace, State: pull.Cannot, Words: "not found", Began: in.Now, At: in.Now,
					})
					asked = append(asked, in.Now)
				}
			}
			var got []time.Duration
			for i := range asked[1:] {
				got = append(got, asked[i+1].Sub(asked[i]))
			}
			want := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute}
			for len(want) < len(got) {
				want = append(want, 10*time.Minute)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pauses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatNothingDependsOnIsForgotten(t *testing.T) {
	tries := []pull.Try{
		tried("a", pull.Has, 2*time.Hour), tried("b", pull.SaysNothing, 10*time.Minute), tried("c", pull.Cannot, 59*time.Minute),
		tried("d", pull.Cannot, time.Hour), tried("e", pull.Has, 119*time.Minute),
	}
	var kept []string
	for _, t := range pull.Recent(tries, now) {
		kept = append(kept, t.Node)
	}
	if want := []string{"c", "e"}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
}

// An update that has begun rests on the proof with which it began, however long its Pod drains or its hook takes. Brought
// back for a second one, the Pod would begin anew, and so on for ever.
func TestAnUpdateThatHasBegunNeedsNoSecondProof(t *testing.T) {
	const long = 110 * time.Minute
	for name, test := range map[string]struct {
		every bool
		tries []pull.Try
		// want is what two Pods of nodes n1 and n2 are told of which the first one's update has begun.
		want decision
	}{
		"its node had the image": {true, []pull.Try{tried("n1", pull.Has, long)}, decision{Pods: "+?", Starts: []string{"n2"}}},
		"one node had it":        {false, []pull.Try{tried("n5", pull.Has, long)}, decision{Pods: "+?", Starts: []string{"n2"}}},
		"another node had it, where each is to": {
			true, []pull.Try{tried("n2", pull.Has, long)}, decision{Pods: "??", Starts: []string{"n1"}},
		},
		"it began with another image": {false, nil, decision{Pods: "??", Starts: []string{"n1"}}},
		"its namespace could not get it since": {
			false, []pull.Try{tried("n1", pull.Has, long), tried("n1", pull.Cannot, time.Second)}, decision{Pods: "??", Starts: []string{"n2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := pull.Input{EveryNode: test.every, Candidates: five()[:2]}
			in.Candidates[0].Begun = true
			in.Tries = pull.Recent(test.tries, now)
			if diff := cmp.Diff(test.want, decide(in)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

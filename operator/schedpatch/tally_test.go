// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func carriers(n int, prefix string, after time.Duration) []*corev1.Pod {
	var out []*corev1.Pod
	for i := range n {
		out = append(out, patched(fmt.Sprintf("%s-%d", prefix, i), after))
	}
	return out
}

func TestAnOperatorThatStartsGoesOnCounting(t *testing.T) {
	for name, test := range map[string]struct {
		before, after []*corev1.Pod
		want          int64
	}{
		"nothing was ever counted":        {nil, nil, 0},
		"the first Pods":                  {nil, carriers(3, "a", 0), 3},
		"the same Pods":                   {carriers(3, "a", 0), carriers(3, "a", 0), 3},
		"all are gone":                    {carriers(3, "a", 0), nil, 3},
		"some are gone":                   {carriers(3, "a", 0), carriers(1, "a", 0), 3},
		"newer ones came":                 {carriers(3, "a", 0), append(carriers(3, "a", 0), carriers(2, "b", time.Minute)...), 5},
		"others came for those that went": {carriers(3, "a", 0), carriers(3, "b", time.Second), 6},
		"one of the same second came":     {carriers(3, "a", 0), carriers(4, "a", 0), 4},
		"one came that was long in admission": {
			append(carriers(300, "a", 30*time.Second), carriers(2, "b", 0)...),
			append(carriers(300, "a", 30*time.Second), carriers(3, "b", 0)...), 303},
		"one older than the minute before the newest cannot be new": {
			carriers(1, "a", 2*time.Minute), append(carriers(1, "a", 2*time.Minute), carriers(5, "b", time.Minute)...), 1},
	} {
		t.Run(name, func(t *testing.T) {
			object := makePatch()
			object.Status.TotalPatched, object.Status.Counted = newTallies().look(object, test.before)
			got, _ := newTallies().look(object, test.after)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("total (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPodThatComesAndGoesBetweenTwoLooksIsCountedOnce(t *testing.T) {
	tallies, object := newTallies(), makePatch()
	key, short := client.ObjectKeyFromObject(object), patched("short", 0)
	tallies.note(key, short.UID, short.CreationTimestamp) // nobody has looked at the patch yet
	tallies.look(object, nil)
	tallies.note(key, short.UID, short.CreationTimestamp)
	tallies.note(key, short.UID, short.CreationTimestamp)
	tallies.gone(key, short.UID)
	if got, _ := tallies.look(object, nil); got != 1 {
		t.Errorf("total %d, want 1", got)
	}
}

func TestAPatchMadeAgainStartsFromNothing(t *testing.T) {
	tallies, object := newTallies(), makePatch()
	tallies.look(object, carriers(5, "a", 0))
	again := makePatch(func(o *v1alpha1.SchedPatch) { o.UID = "another" })
	if got, _ := tallies.look(again, carriers(2, "b", 0)); got != 2 {
		t.Errorf("total %d, want 2", got)
	}
	tallies.forget(client.ObjectKeyFromObject(object))
	if len(tallies.known) != 0 {
		t.Error("a patch that is gone is remembered")
	}
}

// Pods come, some long after their creation time, and go, while the operator is killed again and again. Only its status
// outlives it.
func TestTheTotalIsExactOverRestarts(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		object, tallies := makePatch(), newTallies()
		key := client.ObjectKeyFromObject(object)
		live, second, created := map[types.UID]*corev1.Pod{}, 0, int64(0)
		for range 300 {
			switch random.IntN(10) {
			case 0: // the operator is killed; nothing goes while it is down
				tallies = newTallies()
			case 1:
				second += random.IntN(40)
			case 2, 3, 4, 5, 6:
				late := random.IntN(min(second, window-1) + 1)
				pod := patched(fmt.Sprint("p-", created), time.Duration(second-late)*time.Second)
				live[pod.UID] = pod
				tallies.note(key, pod.UID, pod.CreationTimestamp)
				created++
			case 7:
				look(tallies, object, live)
				for uid := range live {
					delete(live, uid)
					tallies.gone(key, uid)
					break
				}
				look(tallies, object, live)
			default:
				look(tallies, object, live)
			}
		}
		look(tallies, object, live)
		if object.Status.TotalPatched != created {
			t.Fatalf("seed %d: total %d, want %d", seed, object.Status.TotalPatched, created)
		}
	}
}

func look(tallies *tallies, object *v1alpha1.SchedPatch, live map[types.UID]*corev1.Pod) {
	var pods []*corev1.Pod
	for _, pod := range live {
		pods = append(pods, pod)
	}
	object.Status.TotalPatched, object.Status.Counted = tallies.look(object, pods)
}

func TestWhatIsWrittenOfATallyIsSmall(t *testing.T) {
	tallies, object := newTallies(), makePatch()
	var pods []*corev1.Pod
	for i := range 10_000 {
		pods = append(pods, patched(fmt.Sprint("p-", i), time.Duration(i/100)*time.Second))
	}
	total, counted := tallies.look(object, pods)
	if total != 10_000 || len(counted.PerSecond) != window || counted.Until.Unix() != build.Epoch.Unix()+99 {
		t.Errorf("total %d, %d seconds until %s", total, len(counted.PerSecond), counted.Until)
	}
	if size := sizeOf(counted); size > 400 {
		t.Errorf("%d bytes", size)
	}
}

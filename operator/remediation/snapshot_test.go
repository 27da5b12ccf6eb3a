package remediation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A volume that has vanished pins its own Pod, and nothing else.
func TestALostVolumeHoldsNoOtherPodUp(t *testing.T) {
	w := newWorld(t, 1, "n1", "n2", "n3")
	w.nodes["n1"] = noPull
	w.add("web", 6)
	w.pin("web-0", "n1")
	w.must(w.store.Delete(t.Context(), localVolume("n1")))
	w.run(30 * time.Minute)
	if diff := cmp.Diff(end{Deleted: 1, Ready: 5, Condition: "False StoragePinned"}, w.end()); diff != "" {
		t.Errorf("end (-want +got):\n%s", diff)
	}
	const words = "claim data-web-0 is bound to volume pv-n1, which does not exist any more"
	if got := w.verdicts["web"].Condition.Message; !strings.Contains(got, words) {
		t.Errorf("message: %s, want in it: %s", got, words)
	}
}

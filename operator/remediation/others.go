package remediation

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// others reads the records of all other sets. What they say counts towards limits
// of the whole cluster, and whoever may write SchedPatches in some namespace can
// write a record. So only SchedPatches such as we make are believed, and only what
// we might have written there.
func (g *gatherer) others(ctx context.Context, s *Snapshot) error {
	list := &v1alpha1.SchedPatchList{}
	if err := g.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list SchedPatches: %w", err)
	}
	for i := range list.Items {
		patch := &list.Items[i]
		text := patch.Annotations[v1beta1.RemediationExclusionsAnnotation]
		if text == "" || !likeOurs(patch) || s.Patch != nil && patch.UID == s.Patch.UID {
			continue
		}
		if record, err := ParseRecord(text); err == nil { // nobody knows what another one says
			s.Others = append(s.Others, s.believed(record))
		}
	}
	return nil
}

// likeOurs tells whether a SchedPatch has the name and the controller of those
// that we make. One whose controller does not exist is soon deleted by Kubernetes.
func likeOurs(patch *v1alpha1.SchedPatch) bool {
	owner := metav1.GetControllerOfNoCopy(patch)
	if owner == nil || owner.Kind != "StatefulSet" || patch.Name != PatchName(owner.Name) {
		return false
	}
	version, err := schema.ParseGroupVersion(owner.APIVersion)
	return err == nil && version.Group == v1beta1.GroupVersion.Group
}

// clockSlack is how far the clocks of two operators may be apart.
const clockSlack = time.Minute

// believed is a record without what we would never write: exclusions of nodes that
// do not exist, or for longer than a day, and attempts that are yet to come.
func (s *Snapshot) believed(record Record) Record {
	now := s.Now.Add(clockSlack)
	record.Exclusions = slices.DeleteFunc(record.Exclusions, func(e Exclusion) bool {
		return s.Nodes[e.Node] == nil || e.Expires.After(now.Add(maxExclusionSeconds*time.Second))
	})
	record.Attempts = slices.DeleteFunc(record.Attempts, func(a Attempt) bool { return a.Last.After(now) })
	return record
}

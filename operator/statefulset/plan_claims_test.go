// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

const (
	retain = v1beta1.RetainPersistentVolumeClaimRetentionPolicy
	remove = v1beta1.DeletePersistentVolumeClaimRetentionPolicy
)

func withClaim() *build.StatefulSetBuilder { return web().Parallel().Replicas(2).Claim("data", "1Gi") }

// owners are the owners of each claim after the plan is carried out.
func (w *world) owners() map[string]string {
	w.T.Helper()
	w.pass()
	out := map[string]string{}
	for _, claim := range w.claims() {
		var owners []string
		for _, o := range claim.OwnerReferences {
			owners = append(owners, o.Kind+" "+o.Name)
		}
		out[claim.Name] = strings.Join(owners, ", ")
	}
	return out
}

func policies(whenDeleted, whenScaled v1beta1.PersistentVolumeClaimRetentionPolicyType) func(*v1beta1.StatefulSetSpec) {
	return func(spec *v1beta1.StatefulSetSpec) {
		spec.PersistentVolumeClaimRetentionPolicy = &v1beta1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: whenDeleted, WhenScaled: whenScaled}
	}
}

func TestClaimRetention(t *testing.T) {
	both := func(owner string) map[string]string {
		return map[string]string{"data-web-0": owner, "data-web-1": owner}
	}
	last := func(first, last string) map[string]string {
		return map[string]string{"data-web-0": first, "data-web-1": last}
	}
	for name, test := range map[string]struct {
		start func(t *testing.T) *world
		want  map[string]string
	}{
		"kept, kept":         {func(t *testing.T) *world { return settled(t, withClaim().Retain(retain, retain)) }, both("")},
		"deleted, kept":      {func(t *testing.T) *world { return settled(t, withClaim().Retain(remove, retain)) }, both("StatefulSet web")},
		"kept, deleted":      {func(t *testing.T) *world { return settled(t, withClaim().Retain(retain, remove)) }, both("")},
		"deleted, deleted":   {func(t *testing.T) *world { return settled(t, withClaim().Retain(remove, remove)) }, both("StatefulSet web")},
		"without the policy": {func(t *testing.T) *world { return settled(t, withClaim().Spec(noRetention)) }, both("")},
		"scaled down: kept, kept": {
			func(t *testing.T) *world { return settled(t, withClaim().Retain(retain, retain)).withReplicas(1) }, both(""),
		},
		"scaled down: deleted, kept": {
			func(t *testing.T) *world { return settled(t, withClaim().Retain(remove, retain)).withReplicas(1) }, both("StatefulSet web"),
		},
		"scaled down: kept, deleted": {
			func(t *testing.T) *world { return settled(t, withClaim().Retain(retain, remove)).withReplicas(1) }, last("", "Pod web-1"),
		},
		"scaled down: deleted, deleted": {
			func(t *testing.T) *world { return settled(t, withClaim().Retain(remove, remove)).withReplicas(1) }, last("StatefulSet web", "Pod web-1"),
		},
		"a Pod that is updated keeps its claim": {
			func(t *testing.T) *world { return settled(t, withClaim().Retain(retain, remove)).withImage("app:2") }, both(""),
		},
		"the policy turns to delete": {
			func(t *testing.T) *world {
				w := settled(t, withClaim())
				w.edit("", policies(remove, remove))
				return w
			}, both("StatefulSet web"),
		},
		"the policy turns to keep": {
			func(t *testing.T) *world {
				w := settled(t, withClaim().Retain(remove, remove))
				w.edit("", policies(retain, retain))
				return w
			}, both(""),
		},
		"the policy turns to keep while the Pod is going": {
			func(t *testing.T) *world {
				w := settled(t, withClaim().Retain(retain, remove)).withReplicas(1)
				w.pass()
				w.edit("", policies(retain, retain))
				return w
			}, both(""),
		},
		"scaled up again while the Pod is going": {
			func(t *testing.T) *world {
				w := settled(t, withClaim().Retain(remove, remove)).withReplicas(1)
				w.pass()
				return w.withReplicas(2)
			}, both("StatefulSet web"),
		},
		"a Pod that waits for its hook keeps its claim": {
			func(t *testing.T) *world {
				w := settled(t, withClaim().Retain(retain, remove).PreDelete(hook()))
				w.hold(finalizer, "web-1")
				return w.withReplicas(1)
			}, both(""),
		},
		"somebody else who owns it too stays": {
			func(t *testing.T) *world {
				w := settled(t, withClaim().Retain(retain, remove))
				w.changeClaim("data-web-1", func(claim *corev1.PersistentVolumeClaim) {
					claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other"}}
				})
				return w.withReplicas(1)
			}, last("", "ConfigMap other, Pod web-1"),
		},
		"a claim that somebody else controls is left alone": {
			func(t *testing.T) *world {
				w := settled(t, withClaim().Retain(remove, remove))
				w.changeClaim("data-web-1", func(claim *corev1.PersistentVolumeClaim) {
					claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other", Controller: ptr.To(true)}}
				})
				return w.withReplicas(1)
			}, last("StatefulSet web", "ConfigMap other"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.start(t).owners()); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
		})
	}
}

func noRetention(spec *v1beta1.StatefulSetSpec) { spec.PersistentVolumeClaimRetentionPolicy = nil }

func TestClaimsOfNewPods(t *testing.T) {
	checkPlans(t, map[string]planCase{
		"claims that are missing are made": {
			func(t *testing.T) *world {
				return newWorld(t, web().Replicas(1).Claim("data", "1Gi").Claim("log", "1Gi"))
			},
			[]string{"create Pod web-0 at revision <new> with 2 claims"},
		},
		"claims that are there are used": {
			func(t *testing.T) *world { return settled(t, withClaim()).without("web-1") },
			[]string{"create Pod web-1 at revision <app:1>"},
		},
		"a claim that is going is waited for": {
			func(t *testing.T) *world {
				w := settled(t, withClaim())
				w.Delete(cluster.Claim, key("data-web-1"))
				return w.without("web-1")
			},
			[]string{"blocked: Pod web-1 cannot be created: claim data-web-1 is being deleted"},
		},
		"a claim that goes with an earlier Pod is waited for": {
			func(t *testing.T) *world {
				w := settled(t, withClaim().Retain(retain, remove)).withReplicas(1)
				w.pass()
				return w.without("web-1").withReplicas(2)
			},
			[]string{"blocked: Pod web-1 cannot be created: claim data-web-1 still belongs to an earlier Pod of that name, and will be deleted with it as persistentVolumeClaimRetentionPolicy said then"},
		},
		"a template that was added does not concern Pods that are there": {
			func(t *testing.T) *world {
				w := settled(t, withClaim())
				w.edit("another claim", func(spec *v1beta1.StatefulSetSpec) { *spec = withClaim().Claim("log", "1Gi").Obj().Spec })
				return w
			},
			nil,
		},
		"a new Pod has the template that was added": {
			func(t *testing.T) *world {
				w := settled(t, withClaim())
				w.edit("another claim", func(spec *v1beta1.StatefulSetSpec) { *spec = withClaim().Claim("log", "1Gi").Obj().Spec })
				return w.without("web-1")
			},
			[]string{"create Pod web-1 at revision <app:1> with 1 claims"},
		},
	})
}

func TestNewClaims(t *testing.T) {
	set := withClaim().Retain(remove, retain)
	template := &set.Obj().Spec.VolumeClaimTemplates[0]
	template.Labels, template.Annotations = map[string]string{"app": "mine", "tier": "db"}, map[string]string{"note": "x"}
	got := newWorld(t, set).plan().Create[1].Claims[0]
	want := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "data-web-1", Labels: map[string]string{"app": "web", "tier": "db"}, Annotations: map[string]string{"note": "x"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps.kruise.io/v1beta1", Kind: "StatefulSet", Name: "web", UID: "web-uid"}},
		},
		Spec: template.Spec,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claim (-want +got):\n%s", diff)
	}
}

// A Pod that no node has yet, and whose claim somebody deleted, gets it again.
func TestLostClaimsAreMadeAgain(t *testing.T) {
	w := newWorld(t, web().Replicas(1).Claim("data", "1Gi"))
	w.pass()
	w.remove(cluster.Claim, "data-web-0")
	w.pass()
	if w.claim("data-web-0") == nil {
		t.Errorf("the claim was not recreated\n%s", w.tail())
	}
}

// claimSize changes what the first claim template asks for.
func claimSize(size string) func(spec *v1beta1.StatefulSetSpec) {
	return func(spec *v1beta1.StatefulSetSpec) {
		spec.VolumeClaimTemplates[0].Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(size)
	}
}

func TestClaimExpansion(t *testing.T) {
	grows := "change claim data-web-1: it is to grow from 1Gi to 2Gi"
	stays := func(ordinal int, why string) string {
		return fmt.Sprintf("stays: claim data-web-%d stays at 1Gi instead of 2Gi: %s", ordinal, why)
	}
	larger := func(set *build.StatefulSetBuilder, change func(claim *corev1.PersistentVolumeClaim)) func(t *testing.T) *world {
		return func(t *testing.T) *world {
			w := settled(t, set)
			for _, name := range []string{"data-web-0", "data-web-1"} {
				if change != nil {
					w.changeClaim(name, change)
				}
			}
			w.edit("claims of 2Gi", claimSize("2Gi"))
			return w
		}
	}
	class := func(name *string) func(*corev1.PersistentVolumeClaim) {
		return func(claim *corev1.PersistentVolumeClaim) { claim.Spec.StorageClassName = name }
	}
	has := func(w *world, asked, capacity string, conditions ...corev1.PersistentVolumeClaimConditionType) {
		w.changeClaim("data-web-1", func(claim *corev1.PersistentVolumeClaim) {
			claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(asked)
			claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(capacity)}
			for _, c := range conditions {
				claim.Status.Conditions = append(claim.Status.Conditions, corev1.PersistentVolumeClaimCondition{Type: c, Status: corev1.ConditionTrue})
			}
		})
	}
	for name, test := range map[string]planCase{
		"OnDelete leaves claims alone":             {larger(withClaim(), nil), nil},
		"one after the other":                      {larger(withClaim().GrowClaims(), nil), []string{grows}},
		"a class that does not say so cannot":      {larger(withClaim().GrowClaims(), class(ptr.To("unsaid"))), []string{stays(1, "StorageClass unsaid does not have allowVolumeExpansion: true"), stays(0, "StorageClass unsaid does not have allowVolumeExpansion: true")}},
		"a class that says no cannot":              {larger(withClaim().GrowClaims(), class(ptr.To("fixed"))), []string{stays(1, "StorageClass fixed does not have allowVolumeExpansion: true"), stays(0, "StorageClass fixed does not have allowVolumeExpansion: true")}},
		"a class that is gone cannot":              {larger(withClaim().GrowClaims(), class(ptr.To("lost"))), []string{stays(1, "StorageClass lost does not exist"), stays(0, "StorageClass lost does not exist")}},
		"without a class it cannot":                {larger(withClaim().GrowClaims(), class(nil)), []string{stays(1, "it has no StorageClass"), stays(0, "it has no StorageClass")}},
		"a claim that is not bound waits":          {larger(withClaim().GrowClaims(), unbound), []string{stays(1, "it is not bound yet"), stays(0, "it is not bound yet")}},
		"paused: nothing grows":                    {larger(withClaim().GrowClaims().Paused(), nil), nil},
		"below the partition nothing grows":        {larger(withClaim().GrowClaims().Partition(2), nil), nil},
		"a claim that is larger already is enough": {larger(withClaim().GrowClaims(), sized("5Gi")), nil},
		"a Pod waits for its claim": {
			func(t *testing.T) *world {
				w := larger(withClaim().GrowClaims(), nil)(t)
				has(w, "2Gi", "1Gi")
				return w.withImage("app:2")
			}, nil,
		},
		"a Pod that cannot run does not wait for its claim": {
			func(t *testing.T) *world {
				w := larger(withClaim().GrowClaims(), nil)(t)
				has(w, "2Gi", "1Gi")
				return w.withImage("app:2").waiting("CrashLoopBackOff", "web-1")
			}, []string{"delete Pod web-1: it cannot run at the revision that it is at"},
		},
		"nor does it wait to ask for more": {
			func(t *testing.T) *world {
				return larger(withClaim().GrowClaims(), nil)(t).withImage("app:2").waiting("CrashLoopBackOff", "web-1")
			}, []string{grows, "delete Pod web-1: it cannot run at the revision that it is at"},
		},
		"one at the update revision is not recreated for its claim": {
			func(t *testing.T) *world {
				return larger(withClaim().GrowClaims(), nil)(t).waiting("CrashLoopBackOff", "web-1")
			}, []string{grows},
		},
		"a file system that grows on a restart is waited for no longer": {
			func(t *testing.T) *world {
				w := larger(withClaim().GrowClaims(), nil)(t)
				has(w, "2Gi", "1Gi", corev1.PersistentVolumeClaimFileSystemResizePending)
				return w.withImage("app:2")
			}, []string{"delete Pod web-1: its turn has come"},
		},
		"a size that nobody asks for any more is waited for no longer": {
			func(t *testing.T) *world {
				w := settled(t, withClaim().GrowClaims())
				has(w, "2Gi", "1Gi")
				return w.withImage("app:2")
			}, []string{"delete Pod web-1: its turn has come"},
		},
		"a claim that has grown lets its Pod be updated": {
			func(t *testing.T) *world {
				w := larger(withClaim().GrowClaims(), nil)(t)
				has(w, "2Gi", "2Gi")
				return w.withImage("app:2")
			}, []string{"delete Pod web-1: its turn has come"},
		},
		"sizes alone restart nobody": {
			func(t *testing.T) *world {
				w := larger(withClaim().GrowClaims(), nil)(t)
				has(w, "2Gi", "2Gi")
				return w
			}, []string{"change claim data-web-0: it is to grow from 1Gi to 2Gi"},
		},
		"the budget is that of Pods": {
			func(t *testing.T) *world { return larger(withClaim().GrowClaims(), nil)(t).going("web-0") }, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.start(t)
			got := w.decide()
			for _, text := range w.plan().Rollout.Unexpandable {
				got = append(got, "stays: "+text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func unbound(claim *corev1.PersistentVolumeClaim) {
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
}

func sized(size string) func(claim *corev1.PersistentVolumeClaim) {
	return func(claim *corev1.PersistentVolumeClaim) {
		claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(size)
		claim.Status.Capacity = claim.Spec.Resources.Requests.DeepCopy()
	}
}

// A claim that grows says who wanted it.
func TestAGrownClaimNamesItsSet(t *testing.T) {
	w := settled(t, withClaim().GrowClaims())
	w.edit("claims of 2Gi", claimSize("2Gi"))
	w.pass()
	claim := w.claim("data-web-1")
	size := storage(claim)
	if diff := cmp.Diff([]string{"web", "2Gi"}, []string{claim.Annotations[v1beta1.OwnedByStatefulSetAnnotation], size.String()}); diff != "" {
		t.Errorf("owned by, size (-want +got):\n%s", diff)
	}
}

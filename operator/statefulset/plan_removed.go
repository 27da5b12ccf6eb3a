// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// A revision records the Pod template and not the claim templates. When one of these is removed while the partition
// keeps Pods at a revision that mounts it, a Pod of that revision is made with the claim that is there already. Where
// there is none it cannot be made: nobody knows any more what it would ask for.

// removedLooksAgain is when to look for such a claim again: claims of templates that the set does not
// have are not watched.
const removedLooksAgain = 30 * time.Second

// claimsOfRemoved are the volumes of removed claim templates that a Pod of a revision mounts, or what stands against
// the Pod.
func (p *planner) claimsOfRemoved(m *member, revision string) (volumes []corev1.Volume, obstacle string) {
	if revision == p.plan.Revisions.Update {
		return nil, ""
	}
	for _, name := range removedTemplates(p.s.Set, p.templateOf(revision)) {
		called := claimName(name, p.s.Set, m.Ordinal)
		switch claim := p.s.Claims[called]; {
		case claim == nil:
			p.soon(removedLooksAgain)
			return nil, fmt.Sprintf("the partition keeps it at revision %s, which mounts volume %s; that claim "+
				"template was removed, and there is no claim %s. "+
				"Put the claim template back, or let partition be at most %d", revision, name, called, m.Position)
		case claim.DeletionTimestamp != nil:
			p.soon(removedLooksAgain)
			return nil, fmt.Sprintf("claim %s is being deleted", called) + held(claim)
		case p.ownedByEarlierPod(claim, m.Ordinal):
			p.soon(removedLooksAgain)
			return nil, ofEarlierPod(called)
		}
		volumes = append(volumes, claimVolume(name, p.s.Set, m.Ordinal))
	}
	return volumes, ""
}

// removedTemplates names the volumes that a template mounts and that neither it nor the set's claim templates provide:
// those of claim templates that were removed since.
func removedTemplates(set *v1beta1.StatefulSet, template *corev1.PodTemplateSpec) []string {
	provided := map[string]bool{}
	for i := range set.Spec.VolumeClaimTemplates {
		provided[set.Spec.VolumeClaimTemplates[i].Name] = true
	}
	for i := range template.Spec.Volumes {
		provided[template.Spec.Volumes[i].Name] = true
	}
	var out []string
	for _, list := range [][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range list {
			for _, name := range mounts(&list[i]) {
				if !provided[name] {
					provided[name], out = true, append(out, name)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// mounts names the volumes that a container uses.
func mounts(c *corev1.Container) []string {
	out := make([]string, 0, len(c.VolumeMounts)+len(c.VolumeDevices))
	for i := range c.VolumeMounts {
		out = append(out, c.VolumeMounts[i].Name)
	}
	for i := range c.VolumeDevices {
		out = append(out, c.VolumeDevices[i].Name)
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package statefulset

import "github.com/windlass-operator/windlass/api/v1beta1"

// why says in a few words why a Pod is not available. It says nothing that changes from second to second.
func (p *progress) why(view *View) string {
	switch {
	case p.now[view].changed:
		return "just updated in place"
	case view.Unfinished == "" && view.Ready && !p.now[view].ready:
		return "taken out of service for its update"
	case view.State != p.now[view].state && p.now[view].state == v1beta1.LifecycleStateNormal:
		return "no hook holds it any more"
	}
	return state(view)
}

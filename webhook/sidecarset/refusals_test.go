// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func count(n int32) *intstr.IntOrString    { return ptr.To(intstr.FromInt32(n)) }
func percent(p string) *intstr.IntOrString { return ptr.To(intstr.FromString(p)) }
func onNode(port int32) corev1.ContainerPort {
	return corev1.ContainerPort{ContainerPort: port, HostPort: port}
}

// TestEveryRefusal is the list of all refusals, word for word.
func TestEveryRefusal(t *testing.T) {
	type refusal struct {
		given
		want string
	}
	overlapping := named("other", spec(func(s *v1beta1.SidecarSetSpec) { s.Selector = selecting("tier", "front") }))
	for name, test := range map[string]refusal{
		// The set's name and reach.
		"a name with a dot": {
			given{set: named("my.set")},
			`metadata.name: Invalid value: "my.set": must be 1 to 63 letters, digits and dashes, no dots`},
		"a name of 64 characters": {
			given{set: named(strings.Repeat("a", 64))},
			`metadata.name: Invalid value: "` + strings.Repeat("a", 64) + `": must be 1 to 63 letters, digits and dashes, no dots`},
		"no selector": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.Selector = nil }},
			`spec.selector: Required value: a SidecarSet must say which Pods it is for`},
		"an empty selector": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.Selector = &metav1.LabelSelector{} }},
			`spec.selector: Invalid value: "{}": must not be empty: name at least one label, or nothing would be selected`},
		"a selector with an unknown operator": {
			given{change: func(s *v1beta1.SidecarSetSpec) {
				s.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}
			}},
			`spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator`},
		"an empty namespaceSelector": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = &metav1.LabelSelector{} }},
			`spec.namespaceSelector: Invalid value: "{}": must not be empty: name at least one label, or nothing would be selected`},
		"a namespaceSelector with In without values": {
			given{change: func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In"}}}
			}},
			`spec.namespaceSelector.matchExpressions[0].values: Required value: must be specified when ` + "`operator`" + ` is 'In' or 'NotIn'`},
		"a namespace that cannot be": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "Shop" }},
			`spec.namespace: Invalid value: "Shop": cannot be a namespace's name: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},

		// Which revision is injected.
		"a pin that names no revision": {
			given{change: pinnedTo(v1beta1.SidecarSetInjectRevision{CustomVersion: ptr.To("")})},
			`spec.injectionStrategy.revision: Required value: must name a revision by revisionName or customVersion`},
		"an unknown policy of the pin": {
			given{change: pinnedTo(v1beta1.SidecarSetInjectRevision{RevisionName: ptr.To("r"), Policy: "Sometimes"})},
			`spec.injectionStrategy.revision.policy: Unsupported value: "Sometimes": supported values: "Always", "Partial"`},
		"a revision name that does not exist": {
			given{change: pinnedTo(v1beta1.SidecarSetInjectRevision{RevisionName: ptr.To("s-1")}), revisions: noRevisions{}},
			`spec.injectionStrategy.revision.revisionName: Invalid value: "s-1": this SidecarSet has no revision of this name`},
		"a custom version that no revision has": {
			given{change: pinnedTo(v1beta1.SidecarSetInjectRevision{CustomVersion: ptr.To("v1")}), revisions: noRevisions{}},
			`spec.injectionStrategy.revision.customVersion: Invalid value: "v1": this SidecarSet has no revision with this custom version`},
		"a custom version that cannot be a label's value": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.CustomVersion = "v 1" }},
			`spec.customVersion: Invalid value: "v 1": must be usable as a label's value: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`},

		// How running Pods are updated.
		"an unknown type of update": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) { s.Type = "Recreate" })},
			`spec.updateStrategy.type: Unsupported value: "Recreate": supported values: "NotUpdate", "RollingUpdate"`},
		"maxUnavailable over 100 %": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) { s.MaxUnavailable = percent("150%") })},
			`spec.updateStrategy.maxUnavailable: Invalid value: "150%": must be a whole number from 0 up, or a percentage from "0%" to "100%"`},
		"a word for maxUnavailable": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) { s.MaxUnavailable = percent("some") })},
			`spec.updateStrategy.maxUnavailable: Invalid value: "some": must be a whole number from 0 up, or a percentage from "0%" to "100%"`},
		"a negative partition": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) { s.Partition = count(-1) })},
			`spec.updateStrategy.partition: Invalid value: "-1": must be a whole number from 0 up, or a percentage from "0%" to "100%"`},
		"an empty update selector": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) { s.Selector = &metav1.LabelSelector{} })},
			`spec.updateStrategy.selector: Invalid value: "{}": must not be empty: leave it out to update all matched Pods`},
		"an update selector with an unknown operator": {
			given{change: all(notUpdated, strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}
			}))},
			`spec.updateStrategy.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator`},
		"a partition beside a selector": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.Selector, s.Partition = selecting("canary", "true"), count(2)
			})},
			`spec.updateStrategy.partition: Forbidden: is 2 and cannot be combined with selector: remove one of the two (only injectionStrategy.revision.policy Partial takes both)`},
		"a partition of 0% beside a selector": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.Selector, s.Partition = selecting("canary", "true"), percent("0%")
			})},
			`spec.updateStrategy.partition: Forbidden: is 0% and cannot be combined with selector: remove one of the two (only injectionStrategy.revision.policy Partial takes both)`},
		"both kinds of priority": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.PriorityStrategy = &v1beta1.UpdatePriorityStrategy{
					OrderPriority:  []v1beta1.UpdatePriorityOrderTerm{{OrderedKey: "rank"}},
					WeightPriority: []v1beta1.UpdatePriorityWeightTerm{{Weight: 1, MatchSelector: *selecting("a", "b")}},
				}
			})},
			`spec.updateStrategy.priorityStrategy: Forbidden: has both orderPriority and weightPriority: keep one of the two`},
		"a weight over 100": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.PriorityStrategy = &v1beta1.UpdatePriorityStrategy{WeightPriority: []v1beta1.UpdatePriorityWeightTerm{{Weight: 101, MatchSelector: *selecting("a", "b")}}}
			})},
			`spec.updateStrategy.priorityStrategy.weightPriority[0].weight: Invalid value: 101: must be a number from 0 to 100`},
		"a weight for every Pod": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.PriorityStrategy = &v1beta1.UpdatePriorityStrategy{WeightPriority: []v1beta1.UpdatePriorityWeightTerm{{Weight: 1}}}
			})},
			`spec.updateStrategy.priorityStrategy.weightPriority[0].matchSelector: Invalid value: "{}": must not be empty: it would give the same weight to every Pod`},
		"a weight whose selector has a bad key": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.PriorityStrategy = &v1beta1.UpdatePriorityStrategy{WeightPriority: []v1beta1.UpdatePriorityWeightTerm{{Weight: 1, MatchSelector: metav1.LabelSelector{
					MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Exists", Values: []string{"b"}}}}}}}
			})},
			`spec.updateStrategy.priorityStrategy.weightPriority[0].matchSelector.matchExpressions[0].values: Forbidden: may not be specified when ` + "`operator`" + ` is 'Exists' or 'DoesNotExist'`},
		"an order without key": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.PriorityStrategy = &v1beta1.UpdatePriorityStrategy{OrderPriority: []v1beta1.UpdatePriorityOrderTerm{{}}}
			})},
			`spec.updateStrategy.priorityStrategy.orderPriority[0].orderedKey: Required value: must be the key of a label`},
		"a scatter term without key": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.ScatterStrategy = v1beta1.UpdateScatterStrategy{{Value: "a"}}
			})},
			`spec.updateStrategy.scatterStrategy[0].key: Required value: must be the key of a label`},
		"a scatter term twice": {
			given{change: strategy(func(s *v1beta1.SidecarSetUpdateStrategy) {
				s.ScatterStrategy = v1beta1.UpdateScatterStrategy{{Key: "zone", Value: "a"}, {Key: "zone", Value: "b"}, {Key: "zone", Value: "a"}}
			})},
			`spec.updateStrategy.scatterStrategy[2]: Duplicate value: "zone=a"`},

		// Containers and volumes.
		"no containers": {
			given{set: build.MakeSidecarSet("s").Obj()},
			`spec.containers: Required value: a SidecarSet must have at least one container or init container`},
		"a name twice": {
			given{set: build.MakeSidecarSet("s").Container("agent", "agent:1").Container("agent", "agent:2").Obj()},
			`spec.containers[1].name: Duplicate value: "agent"`},
		"the name of a container for an init container": {
			given{set: build.MakeSidecarSet("s").Container("agent", "agent:1").InitContainer("agent", "agent:2").Obj()},
			`spec.initContainers[0].name: Duplicate value: "agent"`},
		"a container without image": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { c.Image = "" })},
			`spec.containers[0].image: Required value`},
		"a mount without its volume": {
			given{change: agent(func(c *v1beta1.SidecarContainer) {
				c.VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
			})},
			`spec.containers[0].volumeMounts[0].name: Not found: "data": must be a volume of spec.volumes, of which there are none`},
		"a mount of another volume than those there are": {
			given{change: func(s *v1beta1.SidecarSetSpec) {
				for _, name := range []string{"cache", "data"} {
					s.Volumes = append(s.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
				}
				s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "logs", MountPath: "/logs"}}
			}},
			`spec.containers[0].volumeMounts[0].name: Not found: "logs": must be a volume of spec.volumes, of which there are cache, data`},
		"a volume without source": {
			given{change: volume("data", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}})},
			`spec.volumes[0].hostPath.path: Required value`},
		"a native sidecar with a lifecycle of a plain init container": {
			given{set: build.MakeSidecarSet("s").InitContainer("setup", "setup:1").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.InitContainers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"a"}}}}
			}).Obj()},
			`spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always`},
		"an unknown podInjectPolicy": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { c.PodInjectPolicy = "Middle" })},
			`spec.containers[0].podInjectPolicy: Unsupported value: "Middle": supported values: "BeforeAppContainer", "AfterAppContainer"`},
		"an unknown shareVolumePolicy": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { c.ShareVolumePolicy.Type = "shared" })},
			`spec.containers[0].shareVolumePolicy.type: Unsupported value: "shared": supported values: "enabled", "disabled"`},
		"an unknown shareVolumeDevicePolicy": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { c.ShareVolumeDevicePolicy = &v1beta1.ShareVolumePolicy{Type: "on"} })},
			`spec.containers[0].shareVolumeDevicePolicy.type: Unsupported value: "on": supported values: "enabled", "disabled"`},
		"an unknown upgradeType": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { c.UpgradeStrategy.UpgradeType = "Warm" })},
			`spec.containers[0].upgradeStrategy.upgradeType: Unsupported value: "Warm": supported values: "ColdUpgrade", "HotUpgrade"`},
		"a hot upgrade without empty image": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { c.UpgradeStrategy.UpgradeType = v1beta1.SidecarContainerHotUpgrade })},
			`spec.containers[0].upgradeStrategy.hotUpgradeEmptyImage: Required value: a hot upgraded sidecar is two containers: name the image that the idle one runs`},
		"a hot upgraded sidecar whose containers' names would be too long": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { hot(c); c.Name = strings.Repeat("a", 62) })},
			`spec.containers[0].name: Too long: may not be more than 61 bytes`},
		"a hot upgraded sidecar with a port of the node": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { hot(c); c.Ports = []corev1.ContainerPort{onNode(80)} })},
			`spec.containers[0].ports[0].hostPort: Forbidden: the two containers of a hot upgraded sidecar cannot have the same port of the node: remove it`},
		"the name of one of the containers of a hot upgraded sidecar": {
			given{set: build.MakeSidecarSet("s").Container("agent", "agent:1").Container("agent-2", "agent:1").Spec(agent(hot)).Obj()},
			`spec.containers[1].name: Invalid value: "agent-2": is the name of one of the two containers that hot upgrades make of "agent": rename one of them`},

		// transferEnv.
		"transferEnv of another API version": {
			given{change: transferFrom("v2", "metadata.labels['app']")},
			`spec.containers[0].transferEnv[0].sourceContainerNameFrom.fieldRef.apiVersion: Unsupported value: "v2": supported values: "v1"`},
		"transferEnv from a field without subscript": {
			given{change: transferFrom("v1", "metadata.labels")},
			`spec.containers[0].transferEnv[0].sourceContainerNameFrom.fieldRef.fieldPath: Invalid value: "metadata.labels": must be metadata.labels['key'], metadata.annotations['key'] or metadata.name`},
		"transferEnv from another field": {
			given{change: transferFrom("", "spec.nodeSelector['a']")},
			`spec.containers[0].transferEnv[0].sourceContainerNameFrom.fieldRef.fieldPath: Invalid value: "spec.nodeSelector['a']": must be metadata.labels['key'], metadata.annotations['key'] or metadata.name`},
		"transferEnv from a label that cannot be": {
			given{change: transferFrom("", "metadata.labels['a b']")},
			`spec.containers[0].transferEnv[0].sourceContainerNameFrom.fieldRef.fieldPath: Invalid value: "metadata.labels['a b']": "a b" cannot be a key: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`},
		"transferEnv from an annotation that cannot be": {
			given{change: transferFrom("", "metadata.annotations['/a']")},
			`spec.containers[0].transferEnv[0].sourceContainerNameFrom.fieldRef.fieldPath: Invalid value: "metadata.annotations['/a']": "/a" cannot be a key: prefix part must be non-empty`},

		// resourcesPolicy.
		"a resourcesPolicy beside limits": {
			given{change: all(computed(func(*v1beta1.ResourcesPolicy) {}), agent(func(c *v1beta1.SidecarContainer) {
				c.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
			}))},
			`spec.containers[0].resourcesPolicy: Forbidden: cannot be combined with resources.limits or resources.requests: remove one of the two`},
		"a resourcesPolicy of an init container that ends": {
			given{set: build.MakeSidecarSet("s").InitContainer("setup", "setup:1").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.InitContainers[0].ResourcesPolicy = &v1beta1.ResourcesPolicy{TargetContainersMode: "sum", ResourcesExpr: v1beta1.ResourcesExpr{Requests: &v1beta1.ResourceExprRequests{CPU: "1"}}}
			}).Obj()},
			`spec.initContainers[0].resourcesPolicy: Forbidden: an init container may have it only when it keeps running: set its restartPolicy to Always, or remove it`},
		"a resourcesPolicy without mode": {
			given{change: computed(func(p *v1beta1.ResourcesPolicy) { p.TargetContainersMode = "" })},
			`spec.containers[0].resourcesPolicy.targetContainersMode: Required value: must be "sum" or "max"`},
		"a resourcesPolicy with an unknown mode": {
			given{change: computed(func(p *v1beta1.ResourcesPolicy) { p.TargetContainersMode = "avg" })},
			`spec.containers[0].resourcesPolicy.targetContainersMode: Unsupported value: "avg": supported values: "sum", "max"`},
		"a resourcesPolicy with a bad regex": {
			given{change: computed(func(p *v1beta1.ResourcesPolicy) { p.TargetContainersNameRegex = "(" })},
			`spec.containers[0].resourcesPolicy.targetContainersNameRegex: Invalid value: "(": must be a regular expression (RE2): error parsing regexp: missing closing ): ` + "`(`"},
		"a resourcesPolicy without expressions": {
			given{change: computed(func(p *v1beta1.ResourcesPolicy) { p.ResourcesExpr.Limits = nil })},
			`spec.containers[0].resourcesPolicy.resourcesExpr: Required value: must have limits, requests or both`},
		"a quantity times a quantity, which the wire admits": {
			given{change: computed(func(p *v1beta1.ResourcesPolicy) { p.ResourcesExpr.Limits.CPU = "cpu*100m" })},
			`spec.containers[0].resourcesPolicy.resourcesExpr.limits.cpu: Invalid value: "cpu*100m": expression "cpu*100m", character 4: a quantity cannot be multiplied by a quantity; one side must be a plain number or a percentage`},
		"something divided by a quantity, which the wire admits": {
			given{change: computed(func(p *v1beta1.ResourcesPolicy) {
				p.ResourcesExpr.Requests = &v1beta1.ResourceExprRequests{CPU: "100m/cpu"}
			})},
			`spec.containers[0].resourcesPolicy.resourcesExpr.requests.cpu: Invalid value: "100m/cpu": expression "100m/cpu", character 5: nothing can be divided by a quantity; divide by a plain number or a percentage`},
		"an expression for memory that names cpu": {
			given{change: computed(func(p *v1beta1.ResourcesPolicy) { p.ResourcesExpr.Limits.Memory = "cpu" })},
			`spec.containers[0].resourcesPolicy.resourcesExpr.limits.memory: Invalid value: "cpu": expression "cpu" names cpu, but computes memory; only memory is known in it`},
		"an expression that is always negative": {
			given{change: computed(func(p *v1beta1.ResourcesPolicy) {
				p.ResourcesExpr.Requests = &v1beta1.ResourceExprRequests{Memory: "1Mi-2Mi"}
			})},
			`spec.containers[0].resourcesPolicy.resourcesExpr.requests.memory: Invalid value: "1Mi-2Mi": expression "1Mi-2Mi" with memory=0 is -1.04858e+06; a resource cannot be negative`},

		// patchPodMetadata.
		"a patch without annotations": {
			given{change: patched(v1beta1.SidecarSetRetainPatchPolicy)},
			`spec.patchPodMetadata[0].annotations: Required value: must name at least one annotation`},
		"a patch with an unknown policy": {
			given{change: patched("Append", "a", "1"), patches: allPatches},
			`spec.patchPodMetadata[0].patchPolicy: Unsupported value: "Append": supported values: "Retain", "Overwrite", "MergePatchJson"`},
		"a patch of a key that cannot be": {
			given{change: patched("", "a b", "1"), patches: allPatches},
			`spec.patchPodMetadata[0].annotations: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`},
		"a key in two patches": {
			given{change: all(patched("", "a", "1"), patched("", "a", "2")), patches: allPatches},
			`spec.patchPodMetadata[1].annotations[a]: Duplicate value: "a"`},
		"a patch of our own records": {
			given{change: patched("", "kruise.io/sidecarset-hash", "{}"), patches: allPatches},
			`spec.patchPodMetadata[0].annotations[kruise.io/sidecarset-hash]: Forbidden: injection and updates keep their own records under this key`},
		"a patch of a hot upgraded container's version": {
			given{change: patched("", "version.sidecarset.kruise.io/mesh-1", "7"), patches: allPatches},
			`spec.patchPodMetadata[0].annotations[version.sidecarset.kruise.io/mesh-1]: Forbidden: injection and updates keep their own records under this key`},

		// Changes.
		"a cold upgraded container that becomes hot": {
			given{before: unchanged, change: agent(hot)},
			`spec.containers[0].upgradeStrategy.upgradeType: Invalid value: "HotUpgrade": must stay ColdUpgrade as long as the container is named "agent": rename the container to change it`},
		"a hot upgraded container that becomes cold": {
			given{before: spec(agent(hot))},
			`spec.containers[0].upgradeStrategy.upgradeType: Invalid value: "ColdUpgrade": must stay HotUpgrade as long as the container is named "agent": rename the container to change it`},
		"a canary that changes its base": {
			given{annotate: canaryOf("b"), change: notUpdated, before: annotated(canaryOf("a")), stored: []*v1beta1.SidecarSet{
				named("b"), named("a", spec(func(s *v1beta1.SidecarSetSpec) { s.Selector = selecting("app", "db") }))}},
			`metadata.annotations[apps.kruise.io/sidecarset-base]: Invalid value: "b": must stay "a": the base of a canary cannot change; create another SidecarSet instead`},

		// Canaries.
		"a canary without base": {
			given{annotate: map[string]string{v1beta1.SidecarSetCanaryAnnotation: "true"}, change: notUpdated},
			`metadata.annotations[apps.kruise.io/sidecarset-base]: Required value: a canary must name the SidecarSet that it stands in for`},
		"a canary of itself": {
			given{annotate: canaryOf("s"), change: notUpdated},
			`metadata.annotations[apps.kruise.io/sidecarset-base]: Invalid value: "s": must name another SidecarSet than the canary itself`},
		"a canary of nothing": {
			given{annotate: canaryOf("base"), change: notUpdated},
			`metadata.annotations[apps.kruise.io/sidecarset-base]: Invalid value: "base": there is no SidecarSet of this name: create the base before its canary`},
		"a canary of a canary": {
			given{annotate: canaryOf("base"), change: notUpdated, stored: []*v1beta1.SidecarSet{named("base", annotated(canaryOf("root")))}},
			`metadata.annotations[apps.kruise.io/sidecarset-base]: Invalid value: "base": is a canary too: a canary must name a SidecarSet that is none`},
		"a canary that is updated": {
			given{annotate: canaryOf("base"), stored: []*v1beta1.SidecarSet{named("base")}},
			`spec.updateStrategy.type: Invalid value: "RollingUpdate": must be NotUpdate: a canary is for new Pods alone`},
		"two canaries of one base for the same Pods": {
			given{annotate: canaryOf("base"), change: notUpdated, stored: []*v1beta1.SidecarSet{
				named("base"), named("canary", annotated(canaryOf("base")))}},
			`spec.containers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "canary" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},

		// Conflicts with other sets.
		"the container name of another set": {
			given{stored: []*v1beta1.SidecarSet{overlapping}},
			`spec.containers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},
		"the container name of many sets": {
			given{stored: []*v1beta1.SidecarSet{named("e"), named("d"), named("c"), named("b"), named("a")}},
			`spec.containers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "a", "b", "c" and 2 more too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},
		"the container name of a set whose selector only asks for another key, which the wire admits": {
			given{stored: []*v1beta1.SidecarSet{named("other", spec(func(s *v1beta1.SidecarSetSpec) {
				s.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "logs", Operator: metav1.LabelSelectorOpExists}}}
			}))}},
			`spec.containers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},
		"the container name of a set for the same namespace, written differently": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "shop" }, stored: []*v1beta1.SidecarSet{named("other", spec(func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = selecting(corev1.LabelMetadataName, "shop")
			}))}},
			`spec.containers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},
		"the init container name of another set": {
			given{set: build.MakeSidecarSet("s").InitContainer("setup", "setup:1").Obj(), stored: []*v1beta1.SidecarSet{
				build.MakeSidecarSet("other").InitContainer("setup", "setup:2").Obj()}},
			`spec.initContainers[0].name: Invalid value: "setup": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},
		"the container name of another set for an init container": {
			given{set: build.MakeSidecarSet("s").InitContainer("agent", "setup:1").Obj(), stored: []*v1beta1.SidecarSet{overlapping}},
			`spec.initContainers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},
		"one of the names of another set's hot upgraded sidecar": {
			given{set: build.MakeSidecarSet("s").Container("agent-1", "agent:1").Obj(), stored: []*v1beta1.SidecarSet{named("other", spec(agent(hot)))}},
			`spec.containers[0].name: Invalid value: "agent-1": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},
		"a hot upgraded sidecar that takes the name of another set's container": {
			given{change: agent(hot), stored: []*v1beta1.SidecarSet{build.MakeSidecarSet("other").Container("agent-2", "agent:1").Obj()}},
			`spec.containers[0].name: Invalid value: "agent-2": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},
		"another volume of the same name": {
			given{set: build.MakeSidecarSet("s").Container("mine", "mine:1").Spec(volume("data", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})).Obj(),
				stored: []*v1beta1.SidecarSet{named("other", spec(volume("data", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}})))}},
			`spec.volumes[0]: Invalid value: "data": another volume of this name comes from SidecarSet "other", which can be for the same Pods: make the volumes equal, rename one, or make the selectors or namespaces of the sets exclude each other`},
		"an annotation that another set overwrites": {
			given{set: build.MakeSidecarSet("s").Container("mine", "mine:1").Spec(patched(v1beta1.SidecarSetMergePatchJSONPatchPolicy, "a", "{}")).Obj(),
				stored: []*v1beta1.SidecarSet{named("other", spec(patched(v1beta1.SidecarSetOverwritePatchPolicy, "a", "1")))}, patches: allPatches},
			`spec.patchPodMetadata[0].annotations[a]: Invalid value: "a": the annotation is patched by SidecarSet "other" too, which can be for the same Pods, and one overwrites the other: use patchPolicy Retain, or make the selectors or namespaces of the sets exclude each other`},
		"a conflict that an update brings": {
			given{before: spec(func(s *v1beta1.SidecarSetSpec) { s.Selector = selecting("tier", "back") }), stored: []*v1beta1.SidecarSet{overlapping}},
			`spec.containers[0].name: Invalid value: "agent": a container of this name comes from SidecarSet "other" too, which can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other`},

		// The administrator's policy.
		"an image from elsewhere": {
			given{policy: `{images: {action: Deny, allowed: [ghcr.io/acme, localhost:5000]}}`},
			`spec.containers[0].image: Forbidden: policy sidecarSet.policy.images: image "agent:1" comes from elsewhere than what is allowed: ghcr.io/acme, localhost:5000`},
		"an image from a neighbour of what is allowed": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { c.Image = "ghcr.io/acme-evil/agent:1" }), policy: `{images: {action: Deny, allowed: [ghcr.io/acme]}}`},
			`spec.containers[0].image: Forbidden: policy sidecarSet.policy.images: image "ghcr.io/acme-evil/agent:1" comes from elsewhere than what is allowed: ghcr.io/acme`},
		"an empty image of a hot upgrade from elsewhere": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { hot(c); c.Image = "ghcr.io/acme/agent:1" }), policy: `{images: {action: Deny, allowed: [ghcr.io/acme]}}`},
			`spec.containers[0].upgradeStrategy.hotUpgradeEmptyImage: Forbidden: policy sidecarSet.policy.images: image "empty:1" comes from elsewhere than what is allowed: ghcr.io/acme`},
		"an image volume from elsewhere": {
			given{change: all(agent(func(c *v1beta1.SidecarContainer) { c.Image = "ghcr.io/acme/agent:1" }),
				volume("files", corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "evil.example/files:1", PullPolicy: corev1.PullAlways}})), policy: `{images: {action: Deny, allowed: [ghcr.io/acme]}}`},
			`spec.volumes[0].image.reference: Forbidden: policy sidecarSet.policy.images: image "evil.example/files:1" comes from elsewhere than what is allowed: ghcr.io/acme`},
		"a protected namespace": {
			given{policy: `{namespaces: {action: Deny, protected: [vault]}}`, namespaces: []*corev1.Namespace{namespace("vault")}},
			`spec.namespaceSelector: Forbidden: policy sidecarSet.policy.namespaces: reaches namespace "vault", where no SidecarSet may inject: leave it out (kubernetes.io/metadata.name NotIn)`},
		"a protected namespace that does not exist yet": {
			given{change: func(s *v1beta1.SidecarSetSpec) { s.Namespace = "vault" }, policy: `{namespaces: {action: Deny, protected: [vault]}}`},
			`spec.namespace: Forbidden: policy sidecarSet.policy.namespaces: reaches namespace "vault", where no SidecarSet may inject: leave it out (kubernetes.io/metadata.name NotIn)`},
		"a privileged sidecar": {
			given{change: secured(corev1.SecurityContext{Privileged: ptr.To(true)}), policy: `{privileged: {action: Deny}}`},
			`spec.containers[0].securityContext.privileged: Forbidden: policy sidecarSet.policy.privileged: container "agent" is privileged: no sidecar may be`},
		"a sidecar that is a process of a Windows host": {
			given{set: build.MakeSidecarSet("s").InitContainer("setup", "setup:1").Spec(func(s *v1beta1.SidecarSetSpec) {
				s.InitContainers[0].SecurityContext = &corev1.SecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: ptr.To(true)}}
			}).Obj(), policy: `{privileged: {action: Deny}}`},
			`spec.initContainers[0].securityContext.windowsOptions.hostProcess: Forbidden: policy sidecarSet.policy.privileged: container "setup" runs on the host: no sidecar may`},
		"files of the node": {
			given{change: volume("root", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/logs"}}), policy: `{hostPaths: {action: Deny, allowed: [/var/log]}}`},
			`spec.volumes[0].hostPath: Forbidden: policy sidecarSet.policy.hostPaths: path "/var/logs" of the node is not among what is allowed: /var/log`},
		"a port of the node": {
			given{change: agent(func(c *v1beta1.SidecarContainer) { c.Ports = []corev1.ContainerPort{onNode(80)} }), policy: `{hostPorts: {action: Deny}}`},
			`spec.containers[0].ports[0].hostPort: Forbidden: policy sidecarSet.policy.hostPorts: container "agent" takes port 80 of the node: no sidecar may`},
		"an added capability": {
			given{change: secured(corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN"}}}), policy: `{capabilities: {action: Deny}}`},
			`spec.containers[0].securityContext.capabilities.add[0]: Forbidden: policy sidecarSet.policy.capabilities: capability SYS_ADMIN is not among what is allowed: none`},
		"an annotation that no rule allows": {
			given{change: patched("", "example.com/a", "1"), policy: `{podAnnotations: {action: Deny}}`, patches: `{"rules": [{"allowedAnnotationKeyExprs": ["^b$"]}]}`},
			`spec.patchPodMetadata[0].annotations[example.com/a]: Forbidden: policy sidecarSet.patchPodMetadata: no rule of ConfigMap kruise-configuration (SidecarSet_PatchPodMetadata_WhiteList) lets this SidecarSet patch annotation "example.com/a"`},
		"an annotation that a rule allows to others": {
			given{change: patched("", "a", "1"), policy: `{podAnnotations: {action: Deny}}`, patches: `{"rules": [{"selector": {"matchLabels": {"team": "a"}}, "allowedAnnotationKeyExprs": [".*"]}]}`},
			`spec.patchPodMetadata[0].annotations[a]: Forbidden: policy sidecarSet.patchPodMetadata: no rule of ConfigMap kruise-configuration (SidecarSet_PatchPodMetadata_WhiteList) lets this SidecarSet patch annotation "a"`},
		"an annotation under rules that cannot be read": {
			given{change: patched("", "a", "1"), policy: `{podAnnotations: {action: Deny}}`, patches: `{"rules": [{"allowedAnnotationKeyExprs": ["("]}]}`},
			`spec.patchPodMetadata[0].annotations[a]: Forbidden: policy sidecarSet.patchPodMetadata: no rule of ConfigMap kruise-configuration (SidecarSet_PatchPodMetadata_WhiteList) lets this SidecarSet patch annotation "a"; the rules cannot be read: rules[0].allowedAnnotationKeyExprs[0]: error parsing regexp: missing closing ): ` + "`(`"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string{test.want}, errorsOf(test.validate(t))); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// The objects of the simulation. All Pods are labelled app=web, so that both SidecarSets are for all of them.
//
//	default   enforced    StatefulSet web, updated in place, with claims and auto remediation; SchedPatch zoned
//	kept      enforced    StatefulSet db; a policy keeps its Pods from being changed, at times
//	shop                  Deployments cart and till; SchedPatch spot for the Pods of cart
//	all of these          PodDisruptionBudgets, in most clusters
//	cluster               SidecarSets agent and mesh, which is upgraded hot; five nodes in three zones
var (
	webKey   = world.Key{Namespace: "default", Name: "web"}
	dbKey    = world.Key{Namespace: "kept", Name: "db"}
	agentKey = world.Key{Name: "agent"}
	meshKey  = world.Key{Name: "mesh"}
	zonedKey = world.Key{Namespace: "default", Name: "zoned"}
	spotKey  = world.Key{Namespace: "shop", Name: "spot"}
)

// kept is the namespace whose Pods a policy keeps from being changed.
const kept = "kept"

// simulation is a cluster in which all controllers work on the same Pods, and everything happens in random order.
type simulation struct {
	*world.Store
	*observer
	seed    uint64
	random  *rand.Rand
	nodes   *world.Nodes
	cache   *world.Cache
	client  *world.Client
	process *process
	webhook *webhook
	log     []string
	// headline is the look that is under way, until it is noted.
	headline string
	// complaint is what went wrong first, "" for nothing. With only, it is the first that says this.
	complaint, only string
	// fixed sets rules of SidecarSets that nobody changes. Nil: there are none.
	fixed func(*v1beta1.SidecarSetUpdateStrategy)
	// preDownload is the operator's policy for sets that have none of their own.
	preDownload v1beta1.ImagePreDownloadPolicy
	// asleep tells that the program behind the hooks does nothing.
	asleep bool
	// noPullers are namespaces that take none.
	noPullers map[string]bool
	// forgetful lets reads not wait for our own writes.
	forgetful bool
	// calm ends all faults.
	calm bool
	// refusing tells that the policy of namespace kept is in force.
	refusing bool
	// writesLeft is how many writes the operator lives to make, negative for any number; with diesAfter the last one is
	// made. dead tells that it is killed: nothing that it does then happens.
	writesLeft      int
	diesAfter, dead bool
	kill            func()
	// nested tells that a look is under way beside another one.
	nested bool
	// idle are the versions of Pods, by UID, that their kubelets have nothing to do about.
	idle map[types.UID]string
	// made counts the Pods of Deployments.
	made int
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	s := &simulation{Store: world.NewStore(t), seed: seed, random: rand.New(rand.NewPCG(seed, 41)), writesLeft: -1, only: *only}
	s.noPullers = map[string]bool{}
	s.nodes, s.cache = world.NewNodes(s.Store), newCache(s.Store)
	s.nodes.IfNotPresent = true
	s.webhook, s.observer = newWebhook(s), newObserver(s)
	enforced := map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced}
	s.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: enforced}})
	s.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: kept, Labels: enforced}})
	s.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	s.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}})
	for i, zone := range []string{"a", "a", "b", "b", "c"} {
		s.Add(makeNode(fmt.Sprintf("n%d", i+1), zone))
	}
	s.preDownload = policies[s.random.IntN(len(policies))]
	s.Add(s.makeAgent())
	s.Add(s.makeMesh())
	s.Add(s.makeSet(webKey, int32(2+s.random.IntN(3))))
	s.Add(s.makeSet(dbKey, 2))
	s.addDeployment("cart")
	s.addDeployment("till")
	s.addBudgets()
	s.addZoned()
	s.addSpot()
	s.webhook.learn()
	s.start()
	return s
}

func (s *simulation) chance(percent int) bool { return s.random.IntN(100) < percent }

// say notes what happens; a look of the operator is noted when it does something.
func (s *simulation) say(format string, args ...any) {
	if s.headline != "" {
		s.log = append(s.log, fmt.Sprintf("%s %s", s.Now().Sub(build.Epoch), s.headline))
		s.headline = ""
	}
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func (s *simulation) tail() string { return strings.Join(s.log[max(0, len(s.log)-*tailed):], "\n") }

// fail notes the first thing that must not be, and how to repeat the history up to it. It may be called from any
// goroutine that the operator writes in; the test ends after the step.
func (s *simulation) fail(format string, args ...any) {
	if s.complaint == "" && strings.Contains(format, s.only) {
		s.complaint = fmt.Sprintf("%s\nrepeat it with: go test ./operator/simulation -run TestAllControllers -seed=%d\n%s",
			fmt.Sprintf(format, args...), s.seed, s.tail())
	}
}

func makeNode(name, zone string) *corev1.Node {
	node := world.MakeNode(name, map[string]string{"zone": zone})
	if zone == "c" {
		node.Spec.Taints = []corev1.Taint{{Key: "spot", Effect: corev1.TaintEffectNoSchedule}}
	}
	return node
}

// cpu are resources that make a Pod burstable, whatever the others are.
func cpu(request string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(request)}}
}

func (s *simulation) makeAgent() *v1beta1.SidecarSet {
	set := build.MakeSidecarSet("agent").Container("agent", "agent:1").MaxUnavailable(fmt.Sprint(1 + s.random.IntN(3))).Obj()
	set.Spec.Containers[0].Resources = cpu("100m")
	set.Spec.UpdateStrategy.AutoPauseOnFailure = s.chance(20)
	s.giveRules(set)
	return set
}

func (s *simulation) makeMesh() *v1beta1.SidecarSet {
	set := build.MakeSidecarSet("mesh").Container("mesh", "mesh:1").MaxUnavailable(fmt.Sprint(1 + s.random.IntN(2))).Obj()
	set.Spec.Containers[0].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: emptyImage,
	}
	s.giveRules(set)
	return set
}

func (s *simulation) makeSet(key world.Key, replicas int32) *v1beta1.StatefulSet {
	b := build.MakeStatefulSet(key.Name).Replicas(replicas).MaxUnavailable(fmt.Sprint(1+s.random.IntN(2))).InPlace().Claim("data", "1Gi")
	if s.chance(70) {
		b.Parallel()
	}
	if s.chance(30) {
		b.Grace(int32(s.random.IntN(5)))
	}
	set := b.Obj()
	set.Namespace, set.UID = key.Namespace, ""
	set.Spec.Template.Spec.Containers[0].Resources = cpu("200m")
	s.giveSetRules(set.Spec.UpdateStrategy.RollingUpdate)
	if key == webKey && s.chance(80) {
		set.Spec.AutoRemediation = &v1beta1.AutoRemediation{Enabled: true}
	}
	return set
}

// addZoned keeps the Pods of web out of zone c.
func (s *simulation) addZoned() {
	zoned := build.MakeSchedPatch(zonedKey.Name).Target(v1beta1.GroupVersion.String(), world.StatefulSet, webKey.Name).RequiredTerm(
		corev1.NodeSelectorRequirement{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"a", "b"}}).Obj()
	zoned.UID, zoned.CreationTimestamp = "", metav1.Time{}
	s.Add(zoned)
}

// addSpot lets those of cart into it.
func (s *simulation) addSpot() {
	spot := build.MakeSchedPatch(spotKey.Name).Namespace(spotKey.Namespace).Target("apps/v1", world.Deployment, "cart").Toleration("spot").Obj()
	spot.UID, spot.CreationTimestamp = "", metav1.Time{}
	if s.chance(30) {
		spot.Spec.Mode = v1alpha1.SchedPatchPreview
	}
	s.Add(spot)
}

func (s *simulation) sidecarSet(key world.Key) *v1beta1.SidecarSet {
	return world.Get[*v1beta1.SidecarSet](s.Store, world.SidecarSet, key)
}

func (s *simulation) statefulSet(key world.Key) *v1beta1.StatefulSet {
	return world.Get[*v1beta1.StatefulSet](s.Store, world.StatefulSet, key)
}

// containerOf is a container of a Pod, nil when it has none of the name.
func containerOf(pod *corev1.Pod, name string) *corev1.Container {
	i := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &pod.Spec.Containers[i]
}

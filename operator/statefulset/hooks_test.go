// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// stateAfter is the lifecycle state that a Pod is in once the plan is carried out, or what becomes of it.
func (w *world) stateAfter(name string) string {
	w.T.Helper()
	w.pass()
	pod := w.pod(name)
	if pod == nil || pod.DeletionTimestamp != nil {
		return "deleted"
	}
	return pod.Labels[v1beta1.LifecycleStateLabel]
}

func TestLifecycleStates(t *testing.T) {
	const (
		preparingNormal, normal    = v1beta1.LifecycleStatePreparingNormal, v1beta1.LifecycleStateNormal
		preparingUpdate, updating  = v1beta1.LifecycleStatePreparingUpdate, v1beta1.LifecycleStateUpdating
		updated, preparingDelete   = v1beta1.LifecycleStateUpdated, v1beta1.LifecycleStatePreparingDelete
		deleted                    = v1beta1.LifecycleStateType("deleted")
		templateIsTheSame, another = "app:1", "app:2"
	)
	inPlace := func() *build.StatefulSetBuilder { return web().Replicas(1).InPlace() }
	labels := v1beta1.LifecycleHook{LabelsHandler: map[string]string{"hook": "yes"}}
	two := v1beta1.LifecycleHook{FinalizersHandler: []string{finalizer}, LabelsHandler: map[string]string{"hook": "yes"}}
	for name, test := range map[string]struct {
		set   *build.StatefulSetBuilder
		state v1beta1.LifecycleStateType
		held  bool
		image string
		edit  func(spec *v1beta1.StatefulSetSpec)
		want  v1beta1.LifecycleStateType
	}{
		"PreparingNormal waits for the hook":                         {inPlace().PreNormal(hook()), preparingNormal, false, templateIsTheSame, nil, preparingNormal},
		"PreparingNormal ends when the hook has hold of the Pod":     {inPlace().PreNormal(hook()), preparingNormal, true, templateIsTheSame, nil, normal},
		"PreparingNormal waits for all that the hook names":          {inPlace().PreNormal(two), preparingNormal, true, templateIsTheSame, nil, preparingNormal},
		"PreparingNormal ends when the hook is taken out of the set": {inPlace(), preparingNormal, false, templateIsTheSame, nil, normal},
		"PreparingNormal: a broken new Pod is changed at once":       {inPlace().PreNormal(hook()), preparingNormal, false, another, nil, preparingNormal},

		"Normal stays": {inPlace().InPlaceUpdate(hook()), normal, true, templateIsTheSame, nil, normal},
		"Normal and held: an update waits for the hook":    {inPlace().InPlaceUpdate(hook()), normal, true, another, nil, preparingUpdate},
		"Normal, held by one of two: the update waits":     {inPlace().InPlaceUpdate(two), normal, true, another, nil, preparingUpdate},
		"Normal and not held: the update begins":           {inPlace().InPlaceUpdate(hook()), normal, false, another, nil, updating},
		"Normal without a hook: the update leaves it so":   {inPlace(), normal, true, another, nil, normal},
		"Normal and held: recreation waits for preDelete":  {web().Replicas(1).PreDelete(hook()), normal, true, another, nil, preparingDelete},
		"Normal and not held: recreation goes on":          {web().Replicas(1).PreDelete(hook()), normal, false, another, nil, deleted},
		"the preDelete hook does not delay in-place":       {inPlace().PreDelete(hook()), normal, true, another, nil, normal},
		"the inPlaceUpdate hook does not delay recreation": {web().Replicas(1).InPlaceUpdate(hook()), normal, true, another, nil, deleted},
		"a label holds a Pod too":                          {web().Replicas(1).PreDelete(labels).Spec(podLabel("hook", "yes")), normal, false, another, nil, preparingDelete},
		"a label of another value does not":                {web().Replicas(1).PreDelete(labels).Spec(podLabel("hook", "no")), normal, false, another, nil, deleted},

		"PreparingUpdate waits":                                    {inPlace().InPlaceUpdate(hook()), preparingUpdate, true, another, nil, preparingUpdate},
		"PreparingUpdate goes on when the hook lets go":            {inPlace().InPlaceUpdate(hook()), preparingUpdate, false, another, nil, updating},
		"PreparingUpdate: rolled back, still held":                 {inPlace().InPlaceUpdate(hook()), preparingUpdate, true, templateIsTheSame, nil, normal},
		"PreparingUpdate: rolled back after the hook let go":       {inPlace().InPlaceUpdate(hook()), preparingUpdate, false, templateIsTheSame, nil, updated},
		"PreparingUpdate: paused":                                  {inPlace().InPlaceUpdate(hook()).Paused(), preparingUpdate, true, another, nil, normal},
		"PreparingUpdate: the hook is taken out of the set":        {inPlace(), preparingUpdate, true, another, nil, normal},
		"PreparingUpdate: the policy turns to ReCreate":            {web().Replicas(1).InPlaceUpdate(hook()), preparingUpdate, true, another, nil, deleted},
		"PreparingUpdate: a second revision cannot be in place":    {inPlace().InPlaceUpdate(hook()), preparingUpdate, true, another, args, deleted},
		"PreparingUpdate: that second one waits for preDelete":     {inPlace().InPlaceUpdate(hook()).PreDelete(hook()), preparingUpdate, true, another, args, preparingDelete},
		"PreparingUpdate: scaled down, another hook holds":         {inPlace().InPlaceUpdate(hook()).PreDelete(hook()), preparingUpdate, true, another, none, preparingDelete},
		"Updating ends in Updated until the hook is back":          {inPlace().InPlaceUpdate(hook()), updating, false, templateIsTheSame, nil, updated},
		"Updating ends in Normal when the hook is back already":    {inPlace().InPlaceUpdate(hook()), updating, true, templateIsTheSame, nil, normal},
		"Updating ends in Normal when the hook is taken out":       {inPlace(), updating, false, templateIsTheSame, nil, normal},
		"Updating: a second revision goes on at once":              {inPlace().InPlaceUpdate(hook()), updating, false, another, nil, updating},
		"Updating: a second revision waits for a hook that's back": {inPlace().InPlaceUpdate(hook()), updating, true, another, nil, preparingUpdate},

		"Updated waits for the hook":                       {inPlace().InPlaceUpdate(hook()), updated, false, templateIsTheSame, nil, updated},
		"Updated waits for all that the hook names":        {inPlace().InPlaceUpdate(two), updated, true, templateIsTheSame, nil, updated},
		"Updated ends when the hook is back":               {inPlace().InPlaceUpdate(hook()), updated, true, templateIsTheSame, nil, normal},
		"Updated ends when the hook is taken out":          {inPlace(), updated, false, templateIsTheSame, nil, normal},
		"Updated: a second revision":                       {inPlace().InPlaceUpdate(hook()), updated, true, another, nil, preparingUpdate},
		"PreparingDelete waits":                            {web().Replicas(1).PreDelete(hook()), preparingDelete, true, another, nil, preparingDelete},
		"PreparingDelete goes on when the hook lets go":    {web().Replicas(1).PreDelete(hook()), preparingDelete, false, another, nil, deleted},
		"PreparingDelete: scaled down and still held":      {web().Replicas(1).PreDelete(hook()), preparingDelete, true, templateIsTheSame, none, preparingDelete},
		"PreparingDelete: scaled down and let go":          {web().Replicas(1).PreDelete(hook()), preparingDelete, false, templateIsTheSame, none, deleted},
		"PreparingDelete: scaled up again, or rolled back": {web().Replicas(1).PreDelete(hook()), preparingDelete, true, templateIsTheSame, nil, normal},
		"PreparingDelete: scaled up again after it was let go": {
			web().Replicas(1).PreDelete(hook()), preparingDelete, false, templateIsTheSame, nil, normal,
		},
		"PreparingDelete: scaled up again, and preNormal has to take hold first": {
			web().Replicas(1).PreDelete(hook()).PreNormal(hook()), preparingDelete, false, templateIsTheSame, nil, preparingNormal,
		},
		"PreparingDelete: paused":                           {web().Replicas(1).PreDelete(hook()).Paused(), preparingDelete, true, another, nil, normal},
		"PreparingDelete: the hook is taken out of the set": {web().Replicas(1), preparingDelete, true, another, nil, deleted},
		"PreparingDelete: the policy turns to in place":     {inPlace().PreDelete(hook()), preparingDelete, true, another, nil, normal},
		"a state that nobody knows is left alone":           {inPlace(), "Strange", false, templateIsTheSame, nil, "Strange"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.set)
			w.once()
			if test.held {
				w.changePod("web-0", func(pod *corev1.Pod) { pod.Finalizers = []string{finalizer} })
			}
			w.inState(test.state, "web-0").nodes()
			if test.image != templateIsTheSame {
				w.image(test.image)
			}
			if test.edit != nil {
				w.edit("", test.edit)
			}
			if diff := cmp.Diff(string(test.want), w.stateAfter("web-0")); diff != "" {
				t.Errorf("state (-want +got):\n%s\n%s", diff, w.tail())
			}
		})
	}
}

func podLabel(key, value string) func(spec *v1beta1.StatefulSetSpec) {
	return func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels[key] = value }
}

// args gives the template what no running Pod can take; none scales to nothing.
func args(spec *v1beta1.StatefulSetSpec) {
	spec.Template.Spec.Containers[0].Args = []string{"-v"}
}

func none(spec *v1beta1.StatefulSetSpec) { spec.Replicas = new(int32) }

// New Pods begin where their hook says.
func TestFirstState(t *testing.T) {
	for name, test := range map[string]struct {
		set  *build.StatefulSetBuilder
		want string
	}{
		"without hooks":                  {web(), "Normal"},
		"with a hook to wait for":        {web().PreNormal(hook()), "PreparingNormal"},
		"with a hook that names nothing": {web().PreNormal(v1beta1.LifecycleHook{}), "Normal"},
		"with a template that it has hold of": {
			web().PreNormal(v1beta1.LifecycleHook{LabelsHandler: map[string]string{"hook": "yes"}}).Spec(podLabel("hook", "yes")), "Normal",
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := newWorld(t, test.set).plan().Create[0].Pod
			if diff := cmp.Diff(test.want, pod.Labels[v1beta1.LifecycleStateLabel]); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

// K1662: Pods that wait for their preDelete hook do not keep a newer revision from the others for ever.
func TestASecondRevisionWhilePodsWaitForTheirHook(t *testing.T) {
	w := settled(t, web().Replicas(2).PreDelete(hook()))
	w.hold(finalizer, "web-1")
	w.image("app:2")
	w.roll()
	w.image("app:3")
	w.roll()
	w.letGo(finalizer, "web-1")
	w.roll()
	for _, pod := range w.Pods() {
		if pod.Spec.Containers[0].Image != "app:3" || !serves(pod) {
			t.Errorf("%s has image %s\n%s", pod.Name, pod.Spec.Containers[0].Image, w.tail())
		}
	}
}

func TestKruisePodReady(t *testing.T) {
	marks := hook()
	marks.MarkPodNotReady = true
	const (
		other     = `{"userAgent":"Chaos","key":"experiment"}`
		ourDelete = `{"userAgent":"Lifecycle","key":"preDeleteHook"}`
		ourUpdate = `{"userAgent":"Lifecycle","key":"preUpdateHook"}`
	)
	type condition struct{ Status, Message string }
	for name, test := range map[string]struct {
		set     *build.StatefulSetBuilder
		state   v1beta1.LifecycleStateType
		message string
		want    condition
	}{
		"nobody holds the Pod":                    {web().PreDelete(marks), "Normal", "", condition{"True", ""}},
		"the preDelete hook holds it":             {web().PreDelete(marks), "PreparingDelete", "", condition{"False", "[" + ourDelete + "]"}},
		"a hook that does not mark it":            {web().PreDelete(hook()), "PreparingDelete", "", condition{"True", ""}},
		"the inPlaceUpdate hook holds it":         {web().InPlaceUpdate(marks), "PreparingUpdate", "", condition{"False", "[" + ourUpdate + "]"}},
		"the hook holds it while it is changed":   {web().InPlaceUpdate(marks), "Updating", "", condition{"False", "[" + ourUpdate + "]"}},
		"the hook lets go when it is changed":     {web().InPlaceUpdate(marks), "Updated", "[" + ourUpdate + "]", condition{"True", ""}},
		"what others hold it for stays":           {web().PreDelete(marks), "Normal", "[" + other + "]", condition{"False", "[" + other + "]"}},
		"ours comes beside what others hold for":  {web().PreDelete(marks), "PreparingDelete", "[" + other + "]", condition{"False", "[" + other + "," + ourDelete + "]"}},
		"ours goes and what others hold it stays": {web().PreDelete(marks), "Normal", "[" + ourDelete + "," + other + "]", condition{"False", "[" + other + "]"}},
		"what cannot be read holds nothing":       {web().PreDelete(marks), "Normal", "oops", condition{"True", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("web-0").Obj()
			if test.message != "" {
				pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: v1beta1.KruisePodReadyCondition, Status: "False", Message: test.message})
			}
			got := readiness(test.set.Obj(), pod, test.state, metaTime{})
			if diff := cmp.Diff(test.want, condition{string(got.Status), got.Message}); diff != "" {
				t.Errorf("KruisePodReady (-want +got):\n%s", diff)
			}
		})
	}
}

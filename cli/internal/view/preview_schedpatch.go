// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	operator "github.com/windlass-operator/windlass/operator/schedpatch"
)

// NodeChange are the nodes on which new Pods of a SchedPatch's target could run, as far as node selectors, required node affinity
// and taints go.
type NodeChange struct {
	// Target is whose Pods they are.
	Target string `json:"target"`
	// Kept are nodes for new Pods with the patch and without it, Lost only without it, Gained only with it.
	Kept   []string `json:"kept"`
	Lost   []string `json:"lost"`
	Gained []string `json:"gained"`
}

// AddNodes takes in where new Pods could run. The subject is the patch's target, nil where there is none.
func (p *Preview) AddNodes(object *v1alpha1.SchedPatch, subject *Subject, around *Surroundings, nodes []*corev1.Node, now time.Time) error {
	patch, err := sched.Compile(object)
	if err != nil {
		return err
	}
	target := object.Spec.TargetRef.Kind + " " + object.Spec.TargetRef.Name
	if subject == nil {
		p.Notes = append(p.Notes, fmt.Sprintf("There is no %s in namespace %s.", target, object.Namespace))
		return nil
	}
	if subject.Template != nil {
		around.Templates[patch.Name()] = subject.Template
	}
	all := []*sched.Patch{patch}
	for i := range around.SchedPatches {
		if other, err := sched.Compile(&around.SchedPatches[i]); err == nil && other.Name() != patch.Name() {
			all = append(all, other)
		}
	}
	a := &answerer{now: now, subject: subject, around: around, serving: around.serving()}
	s := a.snapshot(patch, all)
	s.Nodes = nodes
	foreseen := operator.Foresee(s)
	if foreseen == nil {
		p.Notes = append(p.Notes, fmt.Sprintf("What new Pods of %s are made from is not known.", target))
		return nil
	}
	p.Nodes = &NodeChange{Target: target, Kept: foreseen.Kept, Lost: foreseen.Lost, Gained: foreseen.Gained}
	p.Warnings = append(p.Warnings, foreseen.Warnings...)
	if idle := a.idle(patch, operator.MakePlan(s)); idle != "" {
		p.Notes = append(p.Notes, idle)
	}
	p.Notes = append(p.Notes, "Pods that run are never touched.")
	return nil
}

// idle says why new Pods are not patched whatever the rules of a patch are, "" when nothing but these decides.
func (a *answerer) idle(patch *sched.Patch, plan *operator.Plan) string {
	spec := &patch.Object.Spec
	end, _ := patch.ExpiresAt()
	switch {
	case a.serving == NoWebhook:
		return "There is no Pod webhook in this cluster, so new Pods are not patched."
	case a.serving == Unserved:
		return fmt.Sprintf("The Pod webhooks do not serve namespace %s, so new Pods are not patched: %s.", a.subject.Namespace, a.unserved())
	case spec.Mode == v1alpha1.SchedPatchPreview:
		return "Its mode is Preview, so new Pods are not patched."
	case patch.ExpiredAt(metav1.NewTime(a.now)):
		return fmt.Sprintf("It has ended at %s, so new Pods are not patched.", clock(end))
	case spec.MaxPods != nil && len(plan.Patched) >= int(*spec.MaxPods):
		return fmt.Sprintf("As many Pods carry it as maxPods allows: %d. New ones are not patched before one of these has gone.", *spec.MaxPods)
	}
	return ""
}

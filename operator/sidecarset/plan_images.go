// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
)

// What a set says nothing of.
const (
	defaultParallelism = 10
	defaultPullSeconds = 600
)

// preDownload is the set's policy, or that of the installation.
func (s *Snapshot) preDownload() v1beta1.ImagePreDownloadPolicy {
	own := ptr.Deref(s.Set.Spec.UpdateStrategy.ImagePreDownload, v1beta1.SidecarSetImagePreDownload{})
	return cmp.Or(own.Policy, s.Images.Default, v1beta1.ImagePreDownloadOff)
}

// openBook asks which nodes have the images of the Pods that may be updated. Without candidates, as while the rollout
// rests, nobody waits for a pull: those that are under way are ended.
func (p *planner) openBook(candidates ...[]candidate) {
	own := ptr.Deref(p.s.Set.Spec.UpdateStrategy.ImagePreDownload, v1beta1.SidecarSetImagePreDownload{})
	in := pull.Input{
		Known: p.s.Images.Known, EveryNode: p.s.preDownload() == v1beta1.ImagePreDownloadEveryNode,
		Parallelism: int(ptr.Deref(own.Parallelism, defaultParallelism)),
		Timeout:     time.Duration(ptr.Deref(own.TimeoutSeconds, defaultPullSeconds)) * time.Second,
	}
	if p.s.preDownload() != v1beta1.ImagePreDownloadOff {
		for _, list := range candidates {
			for i := range list {
				p.pulls(&list[i])
				if len(list[i].images) > 0 {
					in.Candidates = append(in.Candidates, pull.Candidate{Pod: list[i].Pod, Images: list[i].images, Begun: list[i].Begun()})
				}
			}
		}
	}
	in.Runs = p.s.runs(in.Candidates)
	p.book = pull.NewBook(in)
}

// pulls notes which images a candidate needs its node to have. One that serves and never goes, because maxUnavailable is
// 0, needs none; neither does one on Windows, where the puller would not be taken.
func (p *planner) pulls(c *candidate) {
	if c.Ready() && p.noneServingGoes() || pull.OnWindows(c.Pod) {
		return
	}
	c.images = p.set.NewImages(c.View)
}

// noneServingGoes reports whether maxUnavailable is 0.
func (p *planner) noneServingGoes() bool {
	most, err := intstr.GetScaledValueFromIntOrPercent(p.s.Set.Spec.UpdateStrategy.MaxUnavailable, 100, true)
	return err == nil && most == 0
}

// runs are the nodes where containers of the set run images that candidates want.
func (s *Snapshot) runs(candidates []pull.Candidate) map[pull.Key]bool {
	wanted := map[string]bool{}
	for i := range candidates {
		for _, image := range candidates[i].Images {
			wanted[image.Name] = true
		}
	}
	out := map[pull.Key]bool{}
	for image := range wanted {
		for _, view := range s.Matched {
			key := pull.Key{Node: view.Pod.Spec.NodeName, Image: image}
			if !out[key] && view.RunsImage(image) {
				out[key] = true
			}
		}
	}
	return out
}

// imagePulling holds back a Pod while it is being found out whether its images can be pulled.
func (p *planner) imagePulling(c *candidate) (words string, waits bool) {
	answer := p.images(c)
	return answer.Why, answer.State == pull.Pulling
}

// imageUnavailable holds back a Pod whose images cannot be pulled.
func (p *planner) imageUnavailable(c *candidate) (words string, waits bool) {
	answer := p.images(c)
	return answer.Why, answer.State == pull.Cannot
}

// images is what is known of the images of a candidate.
func (p *planner) images(c *candidate) pull.Answer {
	if len(c.images) == 0 {
		return pull.Answer{State: pull.Has}
	}
	return p.book.Ask(pull.Candidate{Pod: c.Pod, Images: c.images, Begun: c.Begun()})
}

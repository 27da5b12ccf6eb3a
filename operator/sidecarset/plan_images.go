// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"slices"
	"time"

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
func (p *planner) openBook(candidates ...[]*candidate) {
	own := ptr.Deref(p.s.Set.Spec.UpdateStrategy.ImagePreDownload, v1beta1.SidecarSetImagePreDownload{})
	in := pull.Input{
		Known: p.s.Images.Known, EveryNode: p.s.preDownload() == v1beta1.ImagePreDownloadEveryNode,
		Parallelism: int(ptr.Deref(own.Parallelism, defaultParallelism)),
		Timeout:     time.Duration(ptr.Deref(own.TimeoutSeconds, defaultPullSeconds)) * time.Second,
	}
	if p.s.preDownload() != v1beta1.ImagePreDownloadOff {
		for _, list := range candidates {
			in.Candidates = slices.Grow(in.Candidates, len(list))
			for _, c := range list {
				if p.pulls(c); len(c.images) > 0 {
					in.Candidates = append(in.Candidates, pull.Candidate{Pod: c.Pod, Images: c.images, Begun: c.Begun()})
				}
			}
		}
	}
	in.Runs = p.s.runs(in.Candidates, in.EveryNode)
	p.book = pull.NewBook(in)
}

// pulls notes which images a candidate needs its node to have. One that serves and never goes, because maxUnavailable is
// 0, needs none; neither does one on Windows, where the puller would not be taken.
func (p *planner) pulls(c *candidate) {
	if c.Ready() && p.noneMayGo || pull.OnWindows(c.Pod) {
		return
	}
	// Most of them need the same ones: that list is kept once.
	p.needed = p.set.NewImages(c.View, p.needed[:0])
	if !slices.Equal(p.needed, p.shared) {
		p.shared = slices.Clone(p.needed)
	}
	if len(p.needed) > 0 {
		c.images = p.shared
	}
}

// runs are the nodes where containers of the set run images that candidates want: all of them, or one for each image where
// one is enough.
func (s *Snapshot) runs(candidates []pull.Candidate, everyNode bool) map[pull.Key]bool {
	out := map[pull.Key]bool{}
	for _, image := range wanted(candidates) {
		for _, view := range s.Matched {
			if !view.RunsImage(image) {
				continue
			}
			out[pull.Key{Node: view.Pod.Spec.NodeName, Image: image}] = true
			if !everyNode {
				break
			}
		}
	}
	return out
}

// wanted are the images that candidates want, each once.
func wanted(candidates []pull.Candidate) []string {
	var out []string
	for i := range candidates {
		for _, image := range candidates[i].Images {
			if !slices.Contains(out, image.Name) {
				out = append(out, image.Name)
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

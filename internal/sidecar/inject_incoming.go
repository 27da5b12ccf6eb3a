// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// incoming is a Pod as the injection sees it. Many sets are asked about it.
type incoming struct {
	records
	hashes, hashesWithoutImage entries
	// recorded are the containers that the Pod's records name.
	recorded map[string]bool
	// unreadable says which annotations could not be decoded, and why.
	unreadable []string
}

func readIncoming(pod *corev1.Pod) *incoming {
	p := &incoming{records: records{pod}}
	p.hashes = p.read(v1beta1.SidecarSetHashAnnotation)
	p.hashesWithoutImage = p.read(v1beta1.SidecarSetHashWithoutImageAnnotation)
	p.read(v1beta1.SidecarSetInPlaceUpdateStateAnnotation)
	p.read(v1beta1.SidecarSetLifecycleAnnotation)
	p.recorded = p.recordedNames()
	return p
}

// read decodes an annotation, and notes if it cannot be.
func (p *incoming) read(annotation string) entries {
	out, err := parseEntries(p.Pod.Annotations[annotation])
	if err != nil {
		p.unreadable = append(p.unreadable, fmt.Sprintf("annotation %s is ignored: %v", annotation, err))
	}
	return out
}

// updated reports whether the Pod is at a set's current version.
func (p *incoming) updated(set *Set) bool { return p.hashes.hash(set.Name()) == set.Hashes.Full }

// carries reports whether a set is in a new Pod already: its version is recorded, and all of its containers are there
// and say that they were injected.
func (p *incoming) carries(set *Set) bool {
	all := p.Injected(set.Name()) && p.updated(set)
	set.eachName(func(c *v1beta1.SidecarContainer, name string, init bool) bool {
		ref := pods.Find(p.Pod, name)
		all = all && ref != nil && ref.List == listOf(init) && marked(ref.Container, c)
		return all
	})
	return all
}

// marked reports whether a container says that it was injected, in the words of its set if that has some.
func marked(c *corev1.Container, sidecar *v1beta1.SidecarContainer) bool {
	if own := findEnv(sidecar.Env, v1beta1.SidecarInjectedEnv); own != nil {
		got := findEnv(c.Env, v1beta1.SidecarInjectedEnv)
		return got != nil && got.Value == own.Value
	}
	return isInjected(c)
}

// injectedContainer reports whether a container of the Pod was injected, as it says itself or as the Pod's records say,
// by us or by OpenKruise.
func (p *incoming) injectedContainer(c *corev1.Container) bool {
	if isInjected(c) {
		return true
	}
	return p.recorded[c.Name]
}

// recordedNames are the containers that the Pod's records name. The records have the logical names; a hot-upgrade
// sidecar has two containers of other names.
func (p *incoming) recordedNames() map[string]bool {
	out := map[string]bool{}
	working := p.workingContainers()
	for set := range p.hashes {
		for _, name := range p.hashes.record(set).SidecarList {
			if _, hot := working[name]; hot {
				out[name+"-1"], out[name+"-2"] = true, true
			} else {
				out[name] = true
			}
		}
	}
	return out
}

// replaceable reports whether the Pod's owner lets a sidecar take the place of a container of this name.
func (p *incoming) replaceable(name string) bool {
	for listed := range strings.SplitSeq(p.Pod.Annotations[v1beta1.ReplacedBySidecarAnnotation], ",") {
		if strings.TrimSpace(listed) == name {
			return true
		}
	}
	return false
}

// injectionTexts are the annotations of the Pod once more sets are injected into it.
func (p *incoming) injectionTexts(sets []*Set, now metav1.Time) (map[string]string, error) {
	hashes, withoutImage := p.hashes.clone(), p.hashesWithoutImage.clone()
	names := make([]string, 0, len(sets))
	for _, set := range sets {
		names = append(names, set.Name())
		full, without := set.hashRecords(now)
		if err := hashes.put(set.Name(), full); err != nil {
			return nil, err
		}
		if err := withoutImage.put(set.Name(), without); err != nil {
			return nil, err
		}
	}
	texts := map[string]string{v1beta1.SidecarSetInjectedListAnnotation: withInjected(InjectedSets(p.Pod.Annotations), names...)}
	for key, each := range map[string]entries{
		v1beta1.SidecarSetHashAnnotation: hashes, v1beta1.SidecarSetHashWithoutImageAnnotation: withoutImage,
	} {
		text, err := each.text()
		if err != nil {
			return nil, err
		}
		texts[key] = text
	}
	return texts, nil
}

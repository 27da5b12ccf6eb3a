// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Forged reports whether a new Pod has come with records of injections. They may be those of a Pod that it was copied
// from.
func Forged(annotations map[string]string) bool {
	for _, key := range recordKeys {
		if _, ok := annotations[key]; ok {
			return true
		}
	}
	return false
}

// recordKeys are the annotations of a Pod that hold records by set.
var recordKeys = []string{
	v1beta1.SidecarSetInjectedListAnnotation, v1beta1.SidecarSetHashAnnotation, v1beta1.SidecarSetHashWithoutImageAnnotation,
	v1beta1.SidecarSetInPlaceUpdateStateAnnotation, v1beta1.SidecarSetWorkingContainersAnnotation,
	v1beta1.SidecarSetLifecycleAnnotation,
}

// Cleanse takes records out of a new Pod that say what is not true: those of sets that were left out of it. Strictly,
// all but those of sets that are in it. It must be called when every obstacle is known.
func (in *Injection) Cleanse(pod *corev1.Pod, strictly bool) error {
	if !Forged(pod.Annotations) {
		return nil
	}
	// A Pod that is being created is between no hooks.
	in.keepOnly(pod, v1beta1.SidecarSetLifecycleAnnotation, "")
	keep := in.recordsToKeep(strictly)
	in.keepOnly(pod, v1beta1.SidecarSetInjectedListAnnotation, strings.Join(slices.DeleteFunc(strings.Split(
		in.annotation(pod, v1beta1.SidecarSetInjectedListAnnotation), ","), func(name string) bool { return !keep(name) }), ","))
	for _, key := range recordKeys[1:3] {
		if err := in.keepEntries(pod, key, keep, strictly); err != nil {
			return err
		}
	}
	if !strictly {
		return in.keepEntries(pod, v1beta1.SidecarSetInPlaceUpdateStateAnnotation, keep, false)
	}
	// No update has been made in place of a Pod that is being created.
	in.keepOnly(pod, v1beta1.SidecarSetInPlaceUpdateStateAnnotation, "")
	working := ""
	if len(in.working) > 0 {
		working = encodeNames(in.working)
	}
	in.keepOnly(pod, v1beta1.SidecarSetWorkingContainersAnnotation, working)
	return nil
}

func (in *Injection) recordsToKeep(strictly bool) func(set string) bool {
	keep := map[string]bool{}
	if !strictly {
		for _, o := range in.Obstacles {
			keep[o.Set] = false
		}
	}
	for _, set := range in.held {
		keep[set.Name()] = true
	}
	for _, name := range in.Sets {
		keep[name] = true
	}
	return func(set string) bool {
		kept, known := keep[set]
		return kept || !known && !strictly
	}
}

// annotation is what an annotation of the Pod is going to be.
func (in *Injection) annotation(pod *corev1.Pod, key string) string {
	if text, ok := in.Annotations[key]; ok {
		return text
	}
	return pod.Annotations[key]
}

func (in *Injection) keepEntries(pod *corev1.Pod, key string, keep func(set string) bool, strictly bool) error {
	all, err := parseEntries(in.annotation(pod, key))
	if err != nil && !strictly {
		return nil // it is as good as absent
	}
	kept := maps.Clone(all)
	maps.DeleteFunc(kept, func(set string, _ json.RawMessage) bool { return !keep(set) })
	if err == nil && len(kept) == len(all) {
		return nil
	}
	text := ""
	if len(kept) > 0 {
		if text, err = kept.text(); err != nil {
			return err
		}
	}
	in.keepOnly(pod, key, text)
	return nil
}

// keepOnly makes an annotation say this, or removes it when there is nothing to say.
func (in *Injection) keepOnly(pod *corev1.Pod, key, text string) {
	old, there := pod.Annotations[key]
	switch {
	case text == "":
		delete(in.Annotations, key)
		if there {
			in.Removed = append(in.Removed, key)
		}
	case text != old:
		in.Annotations[key] = text
	default:
		delete(in.Annotations, key)
	}
}

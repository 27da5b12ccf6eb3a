// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Settings are how nodes pull ahead for a StatefulSet.
type Settings struct {
	// Parallelism is how many nodes pull at a time, or what percentage of those that have Pods to update.
	Parallelism intstr.IntOrString
	// TimeoutSeconds is how long one pull may take.
	TimeoutSeconds int32
	// MinUpdatedReadyPods is how many Pods, or what percentage of the replicas, are updated and ready before more than one
	// node pulls ahead.
	MinUpdatedReadyPods intstr.IntOrString
}

// What a StatefulSet says nothing of.
var unsaid = Settings{Parallelism: intstr.FromInt32(10), TimeoutSeconds: 600, MinUpdatedReadyPods: intstr.FromInt32(0)}

// SettingsOf reads the fields of a StatefulSet and its annotations: a field comes before its annotation. said tells
// whether there is any of them. An annotation that cannot be read says nothing.
func SettingsOf(set *v1beta1.StatefulSet) (settings Settings, said bool) {
	settings = unsaid
	for _, a := range annotations {
		if text, ok := set.Annotations[a.key]; ok && a.read(text, &settings) == nil {
			said = true
		}
	}
	rolling := set.Spec.UpdateStrategy.RollingUpdate
	if rolling == nil || rolling.InPlaceUpdateStrategy == nil {
		return settings, said
	}
	in := rolling.InPlaceUpdateStrategy
	if in.ImagePreDownloadParallelism != nil {
		settings.Parallelism, said = *in.ImagePreDownloadParallelism, true
	}
	if seconds := in.ImagePreDownloadTimeoutSeconds; seconds != nil {
		settings.TimeoutSeconds, said = *seconds, true
	}
	if settings.TimeoutSeconds <= 0 {
		settings.TimeoutSeconds = unsaid.TimeoutSeconds
	}
	if in.ImagePreDownloadMinUpdatedReadyPods != nil {
		settings.MinUpdatedReadyPods, said = *in.ImagePreDownloadMinUpdatedReadyPods, true
	}
	return settings, said
}

// annotation is one by which a setting is given.
type annotation struct {
	key  string
	read func(text string, into *Settings) error
}

var annotations = []annotation{
	{v1beta1.ImagePreDownloadParallelismAnnotation, func(text string, s *Settings) (err error) {
		return readCount(text, 1, &s.Parallelism)
	}},
	{v1beta1.ImagePreDownloadTimeoutAnnotation, func(text string, s *Settings) error {
		seconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil || seconds < 1 {
			return fmt.Errorf("is %q; allowed is a number of seconds from 1 up", text)
		}
		s.TimeoutSeconds = int32(seconds)
		return nil
	}},
	{v1beta1.ImagePreDownloadMinUpdatedReadyPodsAnnotation, func(text string, s *Settings) error {
		return readCount(text, 0, &s.MinUpdatedReadyPods)
	}},
}

// readCount reads a number from least up, or a percentage.
func readCount(text string, least int, into *intstr.IntOrString) error {
	value := intstr.Parse(text)
	n, err := intstr.GetScaledValueFromIntOrPercent(&value, 100, true)
	if err != nil || n < least || value.Type == intstr.String && (n > 100 || strings.HasPrefix(text, "+")) {
		return fmt.Errorf("is %q; allowed are a number from %d up, or a percentage from \"%d%%\" to \"100%%\"", text, least, least)
	}
	*into = value
	return nil
}

// SettingWarnings names the annotations of a StatefulSet about pulls that cannot be read.
func SettingWarnings(set *v1beta1.StatefulSet) (out []string) {
	for _, a := range annotations {
		text, ok := set.Annotations[a.key]
		if !ok {
			continue
		}
		if err := a.read(text, &Settings{}); err != nil {
			out = append(out, fmt.Sprintf("%s: %v. It is passed over.", field.NewPath("metadata", "annotations").Key(a.key), err))
		}
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package pull_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
)

func TestHowNodesPullAheadForAStatefulSet(t *testing.T) {
	const parallelism, timeout, least = v1beta1.ImagePreDownloadParallelismAnnotation, v1beta1.ImagePreDownloadTimeoutAnnotation,
		v1beta1.ImagePreDownloadMinUpdatedReadyPodsAnnotation
	settings := func(parallelism string, timeout int32, least string) pull.Settings {
		return pull.Settings{Parallelism: intstr.Parse(parallelism), TimeoutSeconds: timeout, MinUpdatedReadyPods: intstr.Parse(least)}
	}
	for name, test := range map[string]struct {
		annotations map[string]string
		fields      v1beta1.InPlaceUpdateStrategy
		want        pull.Settings
		said        bool
	}{
		"nothing is said":               {want: settings("10", 600, "0")},
		"a field":                       {fields: v1beta1.InPlaceUpdateStrategy{ImagePreDownloadTimeoutSeconds: ptr.To[int32](60)}, want: settings("10", 60, "0"), said: true},
		"an annotation":                 {annotations: map[string]string{parallelism: "20%"}, want: settings("20%", 600, "0"), said: true},
		"all annotations":               {annotations: map[string]string{parallelism: "3", timeout: "30", least: "50%"}, want: settings("3", 30, "50%"), said: true},
		"a field and its annotation":    {annotations: map[string]string{least: "2"}, fields: v1beta1.InPlaceUpdateStrategy{ImagePreDownloadMinUpdatedReadyPods: ptr.To(intstr.FromInt32(1))}, want: settings("10", 600, "1"), said: true},
		"a time that is none":           {fields: v1beta1.InPlaceUpdateStrategy{ImagePreDownloadTimeoutSeconds: ptr.To[int32](-1)}, want: settings("10", 600, "0"), said: true},
		"annotations that are unusable": {annotations: map[string]string{parallelism: "0", timeout: "x", least: "-1"}, want: settings("10", 600, "0")},
	} {
		t.Run(name, func(t *testing.T) {
			set := &v1beta1.StatefulSet{}
			set.Annotations = test.annotations
			set.Spec.UpdateStrategy.RollingUpdate = &v1beta1.RollingUpdateStatefulSetStrategy{InPlaceUpdateStrategy: &test.fields}
			got, said := pull.SettingsOf(set)
			if diff := cmp.Diff(test.want, got); diff != "" || said != test.said {
				t.Errorf("said %v, want %v; settings (-want +got):\n%s", said, test.said, diff)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package dropped

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// onTheWire are the fields of OpenKruise's own API, in one of its versions at least. What is below a field whose type is
// Kubernetes' own is not listed.
var onTheWire = map[string]string{
	"SidecarSet": `selector namespace namespaceSelector initContainers containers volumes
		updateStrategy updateStrategy.type updateStrategy.paused updateStrategy.selector updateStrategy.partition updateStrategy.maxUnavailable
		updateStrategy.priorityStrategy updateStrategy.scatterStrategy
		injectionStrategy injectionStrategy.paused injectionStrategy.revision
		imagePullSecrets revisionHistoryLimit patchPodMetadata customVersion`,
	"StatefulSet": `replicas selector template volumeClaimTemplates volumeClaimUpdateStrategy serviceName podManagementPolicy
		updateStrategy updateStrategy.type updateStrategy.rollingUpdate updateStrategy.rollingUpdate.partition
		updateStrategy.rollingUpdate.maxUnavailable updateStrategy.rollingUpdate.podUpdatePolicy updateStrategy.rollingUpdate.paused
		updateStrategy.rollingUpdate.unorderedUpdate updateStrategy.rollingUpdate.inPlaceUpdateStrategy
		updateStrategy.rollingUpdate.minReadySeconds
		revisionHistoryLimit reserveOrdinals
		lifecycle lifecycle.preDelete lifecycle.inPlaceUpdate lifecycle.preNormal
		scaleStrategy persistentVolumeClaimRetentionPolicy ordinals`,
}

// below are the fields of OpenKruise's types that the lists above do not go into, because ours have all of theirs and no
// more.
var below = map[string]string{
	"SidecarContainer": `podInjectPolicy upgradeStrategy shareVolumePolicy shareVolumeDevicePolicy transferEnv resourcesPolicy`,
	"InPlaceUpdateStrategy": `gracePeriodSeconds imagePreDownloadParallelism imagePreDownloadTimeoutSeconds
		imagePreDownloadMinUpdatedReadyPods`,
	"LifecycleHook":                                   `labelsHandler finalizersHandler markPodNotReady`,
	"SidecarSetInjectRevision":                        `customVersion revisionName policy`,
	"SidecarSetPatchPodMetadata":                      `annotations patchPolicy`,
	"UnorderedUpdateStrategy":                         `priorityStrategy`,
	"UpdatePriorityStrategy":                          `orderPriority weightPriority`,
	"UpdatePriorityOrderTerm":                         `orderedKey`,
	"UpdatePriorityWeightTerm":                        `weight matchSelector`,
	"UpdateScatterTerm":                               `key value`,
	"SidecarContainerUpgradeStrategy":                 `upgradeType hotUpgradeEmptyImage`,
	"ShareVolumePolicy":                               `type`,
	"TransferEnvVar":                                  `sourceContainerName sourceContainerNameFrom envName envNames`,
	"SourceContainerNameSource":                       `fieldRef`,
	"ResourcesPolicy":                                 `targetContainersMode targetContainersNameRegex resourcesExpr`,
	"ResourcesExpr":                                   `limits requests`,
	"ResourceExprLimits":                              `cpu memory`,
	"ResourceExprRequests":                            `cpu memory`,
	"StatefulSetOrdinals":                             `start`,
	"StatefulSetScaleStrategy":                        `maxUnavailable`,
	"VolumeClaimUpdateStrategy":                       `type`,
	"StatefulSetPersistentVolumeClaimRetentionPolicy": `whenDeleted whenScaled`,
}

// Whoever adds a field decides here whether OpenKruise has it. If not, its loss is said.
func TestEveryFieldIsOpenKruisesOrItsLossIsSaid(t *testing.T) {
	for kind, test := range map[string]struct {
		spec   reflect.Type
		fields []Field
	}{
		"SidecarSet":  {reflect.TypeFor[v1beta1.SidecarSetSpec](), sidecarSetFields},
		"StatefulSet": {reflect.TypeFor[v1beta1.StatefulSetSpec](), statefulSetFields},
	} {
		t.Run(kind, func(t *testing.T) {
			wire, said := sets.New(strings.Fields(onTheWire[kind])...), sets.New[string]()
			for _, f := range test.fields {
				if said.Insert(f.Path); f.Now == "" {
					t.Errorf("spec.%s: nobody is told what holds without it", f.Path)
				}
				if f.Late {
					wire.Insert(f.Path)
				} else if wire.Has(f.Path) != (f.Known != "") {
					t.Errorf("spec.%s: the table has it as known to %q, the wire %t", f.Path, f.Known, wire.Has(f.Path))
				}
			}
			ours := sets.New[string]()
			walk(test.spec, "", func(path string, parent reflect.Type, name string) bool {
				ours.Insert(path)
				inside := slices.Contains(strings.Fields(below[parent.Name()]), name)
				if !wire.Has(path) && !said.Has(path) && !inside {
					t.Errorf("spec.%s is not a field of OpenKruise, and nobody is told when its client drops it: add it to fields.go", path)
				}
				return !said.Has(path) || wire.Has(path)
			})
			if unknown := wire.Union(said).Difference(ours); len(unknown) > 0 {
				t.Errorf("no fields of ours: %v", sets.List(unknown))
			}
		})
	}
}

// Who reads the page knows which fields a typed client drops.
func TestThePageNamesEveryField(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Fields of our own\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, f := range slices.Concat(sidecarSetFields, statefulSetFields) {
		name := f.Path[strings.LastIndex(f.Path, ".")+1:]
		if !strings.Contains(section, "`"+name+"`") && !strings.Contains(section, "."+name+"`") {
			t.Errorf("docs/compatibility.md does not name %s", f.Path)
		}
	}
}

// walk visits the fields of a type that are our own, and what is below those for which visit returns true.
func walk(in reflect.Type, path string, visit func(path string, parent reflect.Type, name string) bool) {
	for in.Kind() == reflect.Pointer || in.Kind() == reflect.Slice {
		in = in.Elem()
	}
	if in.Kind() != reflect.Struct || in.PkgPath() != reflect.TypeFor[v1beta1.SidecarSet]().PkgPath() {
		return
	}
	for i := range in.NumField() {
		f := in.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue // a container of Kubernetes, which has its own fields
		}
		if visit(strings.TrimPrefix(path+"."+name, "."), in, name) {
			walk(f.Type, strings.TrimPrefix(path+"."+name, "."), visit)
		}
	}
}

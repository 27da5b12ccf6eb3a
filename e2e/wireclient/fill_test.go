// SPDX-License-Identifier: Apache-2.0

package wireclient

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
)

// A filler gives every field of a value, however deep, a value that is not zero. Values that must be legal are given by
// type, or by the name of the field where the type does not tell.
type filler struct {
	byType  map[reflect.Type]any
	byField map[string]any
	counter int
}

// newFiller knows the values that both kinds need. extra come on top; they win.
func newFiller(extraTypes []any, extraFields map[string]any) *filler {
	f := &filler{byType: map[reflect.Type]any{}, byField: map[string]any{
		"Weight":          int32(50),
		"MinReadySeconds": int32(30),
		"Name":            "name",
		"Raw":             []byte(`{"f:spec":{}}`),
	}}
	known := []any{
		metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		metav1.NewMicroTime(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)),
		metav1.LabelSelectorOpIn,
		corev1.ConditionTrue,
		intstr.FromString("30%"),
		resource.MustParse("123Mi"),
		appsv1.ParallelPodManagement,
		appsv1.RollingUpdateStatefulSetStrategyType,
	}
	for _, value := range append(known, extraTypes...) {
		f.byType[reflect.TypeOf(value)] = value
	}
	for name, value := range extraFields {
		f.byField[name] = value
	}
	return f
}

// fill fills what into points at.
func (f *filler) fill(into any) {
	f.fillValue(reflect.ValueOf(into).Elem(), "")
}

func (f *filler) fillValue(v reflect.Value, field string) {
	if given, ok := f.byType[v.Type()]; ok {
		v.Set(reflect.ValueOf(given))
		return
	}
	if given, ok := f.byField[field]; ok && reflect.TypeOf(given).ConvertibleTo(v.Type()) && v.Kind() != reflect.Struct {
		v.Set(reflect.ValueOf(given).Convert(v.Type()))
		return
	}
	f.counter++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fillValue(v.Elem(), field)
	case reflect.Struct:
		for i := range v.NumField() {
			f.fillValue(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fillValue(v.Index(0), field)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fillValue(key, "")
		f.fillValue(value, "")
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(fmt.Sprintf("value-%d", f.counter))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.counter))
	case reflect.Uint8:
		v.SetUint(uint64(f.counter % 128))
	default:
		panic(fmt.Sprintf("no way to fill a %s", v.Type()))
	}
}

// emptyFields are the paths of the fields below a value that are zero. Types of other modules than OpenKruise's are
// looked at as a whole.
func emptyFields(value any) sets.Set[string] {
	found := sets.New[string]()
	collectEmpty(reflect.ValueOf(value), "", found)
	return found
}

func collectEmpty(v reflect.Value, path string, found sets.Set[string]) {
	switch {
	case v.IsZero():
		found.Insert(path)
	case v.Kind() == reflect.Pointer:
		collectEmpty(v.Elem(), path, found)
	case v.Kind() == reflect.Slice && v.Len() > 0:
		collectEmpty(v.Index(0), path+"[]", found)
	case v.Kind() == reflect.Struct && strings.HasPrefix(v.Type().PkgPath(), "github.com/openkruise/"):
		for i := range v.NumField() {
			collectEmpty(v.Field(i), path+"."+v.Type().Field(i).Name, found)
		}
	}
}

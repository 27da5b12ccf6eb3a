// SPDX-License-Identifier: Apache-2.0

package podcache

import (
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// ControllerIndex is the name of the cache index by ControllerUID.
const ControllerIndex = "controller"

// ControllerUID is what an object is found by in ControllerIndex: the UID of its controller. An object without one is
// not in the index.
func ControllerUID(object metav1.Object) []string {
	if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
		return []string{string(owner.UID)}
	}
	return nil
}

// OrphanIndex is the name of the cache index by OrphanParent.
const OrphanIndex = "orphan"

// OrphanParent is what an object is found by in OrphanIndex: its name without the ordinal at the end, which is the name
// of the StatefulSet that could adopt it. An object with a controller, or without an ordinal, is not in the index.
func OrphanParent(object metav1.Object) []string {
	if metav1.GetControllerOfNoCopy(object) != nil {
		return nil
	}
	parent, _, ok := SplitOrdinal(object.GetName())
	if !ok {
		return nil
	}
	return []string{parent}
}

// PullerIndex is the name of the cache index by PullerOwner.
const PullerIndex = "puller"

// StrayPuller finds, in PullerIndex, those whose object is gone.
const StrayPuller = "stray"

// PullerOwner is what a Pod that has a node pull an image is found by in PullerIndex: the UID of the object that it pulls
// for, or StrayPuller. No other Pod is in the index.
func PullerOwner(object metav1.Object) []string {
	if _, is := object.GetLabels()[v1beta1.ImagePullerLabel]; !is {
		return nil
	}
	owners := object.GetOwnerReferences()
	if len(owners) == 0 {
		return []string{StrayPuller}
	}
	return []string{string(owners[0].UID)}
}

// SplitOrdinal splits a name like web-3 into what comes before the ordinal and the ordinal. A number with leading zeros
// is none.
func SplitOrdinal(name string) (parent string, ordinal int, ok bool) {
	at := strings.LastIndexByte(name, '-')
	if at <= 0 {
		return "", 0, false
	}
	ordinal, err := strconv.Atoi(name[at+1:])
	if err != nil || ordinal < 0 || strconv.Itoa(ordinal) != name[at+1:] {
		return "", 0, false
	}
	return name[:at], ordinal, true
}

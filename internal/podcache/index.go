package podcache

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ControllerIndex is the name of the cache index by ControllerUID.
const ControllerIndex = "controller"

// ControllerUID is what an object is found by in ControllerIndex: the UID of its
// controller. An object without one is not in the index.
func ControllerUID(object metav1.Object) []string {
	if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
		return []string{string(owner.UID)}
	}
	return nil
}

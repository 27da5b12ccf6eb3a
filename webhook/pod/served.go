// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// ServeHTTP answers which version of a patch this replica applies. Whoever deletes a Pod because of a patch asks every
// replica first: one that has not seen the patch yet would let the replacement go where the old one was.
func (k *KnownPatches) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	key, ok := requested(request)
	if !ok {
		http.Error(writer, "ask GET "+schedpatch.ServedPath+"<namespace>/<name>", http.StatusBadRequest)
		return
	}
	patch := k.Get(key)
	if patch == nil || !k.ready(key, patch) {
		http.Error(writer, fmt.Sprintf("SchedPatch %s is not applied here: it is unknown, invalid, or its Pods are not "+
			"counted yet", key), http.StatusNotFound)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	// It fails only when the client has gone.
	_ = json.NewEncoder(writer).Encode(patch.Served())
}

func requested(request *http.Request) (types.NamespacedName, bool) {
	rest, under := strings.CutPrefix(request.URL.Path, schedpatch.ServedPath)
	namespace, name, both := strings.Cut(rest, "/")
	ok := request.Method == http.MethodGet && under && both && namespace != "" && name != "" && !strings.Contains(name, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}, ok
}

func (k *KnownPatches) ready(key types.NamespacedName, patch *schedpatch.Patch) bool {
	return patch.Object.Spec.MaxPods == nil || k.patchedPods.Counted(key)
}

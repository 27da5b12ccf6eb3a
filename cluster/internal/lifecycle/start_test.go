// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOrdinaryUsersGetAUserNamespace(t *testing.T) {
	tests := map[string]struct {
		uid  int
		want []syscall.SysProcIDMap
	}{
		"root needs none":                     {uid: 0},
		"anybody else becomes root within it": {uid: 1000, want: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 1000, Size: 1}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := boxAttributes(test.uid, test.uid)
			if diff := cmp.Diff(test.want, got.UidMappings); diff != "" {
				t.Errorf("user mappings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.uid != 0, got.Cloneflags&syscall.CLONE_NEWUSER != 0); diff != "" {
				t.Errorf("user namespace (-want +got):\n%s", diff)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const source = `package api

// Keys.
const (
	// DoorLabel on a House is DoorOpen; see WindowAnnotation. A|<B>.
	DoorLabel = "house/door"
	// DoorOpen lets everybody in.
	DoorOpen = "open"
	// WindowAnnotationPrefix is followed by a name.
	WindowAnnotationPrefix = "window.house/"
	number = 5
)

// WindowAnnotation names
// the window.
const WindowAnnotation = "house/window"
`

func TestPage(t *testing.T) {
	groups, err := groupsOf("keys.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	want := head + `
## Labels

| key | meaning |
|---|---|
| ` + "`house/door` | On a House is `open`; see `house/window`. A\\|&lt;B>. |" + `

## Annotations

| key | meaning |
|---|---|
| ` + "`house/window` | Names the window. |" + `
| ` + "`window.house/...` | Followed by a name. |" + `
`
	if diff := cmp.Diff(want, page(groups)); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

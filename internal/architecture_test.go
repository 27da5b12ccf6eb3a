// SPDX-License-Identifier: Apache-2.0

package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// impure are what a deciding room may not import: ways to reach the cluster.
var impure = []string{
	"context",
	"sigs.k8s.io/controller-runtime/pkg/client",
	"sigs.k8s.io/controller-runtime/pkg/cache",
	"sigs.k8s.io/controller-runtime/pkg/manager",
	"k8s.io/client-go",
	"net/http",
}

// exempt are packages that only tests import: they stand in for the cluster.
var exempt = "github.com/windlass-operator/windlass/internal/testing/"

func isImpure(path string) bool {
	for _, p := range impure {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

func TestInternalPackagesImportNoClient(t *testing.T) {
	command := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	packages := 0
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; packages++ {
		var listed struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&listed); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, path := range listed.Imports {
			if strings.HasPrefix(path, exempt) {
				t.Errorf("%s imports %s, which is for tests", listed.ImportPath, path)
			}
			if isImpure(path) && !strings.HasPrefix(listed.ImportPath, exempt) {
				t.Errorf("%s imports %s: packages below internal are pure", listed.ImportPath, path)
			}
		}
	}
	if packages < 4 {
		t.Errorf("only %d packages were listed", packages)
	}
}

func TestPlansAndStatusesImportNoClientAndReadNoClock(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../operator/*/plan*.go", "../operator/*/status*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 2 {
		t.Fatalf("found only %v", files)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if isImpure(path) || path == "k8s.io/utils/clock" {
				t.Errorf("%s imports %s: plans and statuses are computed from the Snapshot alone", file, path)
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const page = `# A page

<!-- setup
kubectl create namespace shop
-->
See [the other one](other.md#top) and ![a picture](a.svg).

` + "```console" + `
$ kubectl get pods \
    -A
NAME   AGE
web-0  5m

$ kubectl delete pod web-0
` + "```" + `

1. A list:

   <!-- not run: nobody should -->
   ` + "```console" + `
   rm -rf /
   echo gone
   ` + "```" + `

<!-- part of: sidecarset -->
` + "```yaml title=\"part.yaml\"" + `
updateStrategy: {maxUnavailable: 2}
` + "```" + `

## What is ` + "`new`" + `, and old?
## A page
`

func parsed(t *testing.T) *Page {
	t.Helper()
	p, err := Parse("docs/page.md", []byte(page))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	p := parsed(t)
	wantBlocks := []Block{
		{Kind: Setup, Line: 3, Text: "kubectl create namespace shop\n"},
		{Kind: Console, Line: 9, Text: "$ kubectl get pods \\\n    -A\nNAME   AGE\nweb-0  5m\n\n$ kubectl delete pod web-0\n"},
		{Kind: Console, Line: 21, Text: "rm -rf /\necho gone\n", NotRun: "nobody should"},
		{Kind: YAML, Line: 27, Text: "updateStrategy: {maxUnavailable: 2}\n", Title: "part.yaml", PartOf: "sidecarset"},
	}
	if diff := cmp.Diff(wantBlocks, p.Blocks, cmpopts.IgnoreUnexported(Block{})); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	wantLinks := []Link{{Line: 6, Destination: "other.md#top"}, {Line: 6, Destination: "a.svg"}}
	if diff := cmp.Diff(wantLinks, p.Links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	wantAnchors := map[string]bool{"a-page": true, "what-is-new-and-old": true, "a-page-1": true}
	if diff := cmp.Diff(wantAnchors, p.Anchors); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
}

func TestCommands(t *testing.T) {
	p := parsed(t)
	want := []Command{
		{Text: "kubectl get pods \\\n    -A", Shown: []string{"NAME   AGE", "web-0  5m"}},
		{Text: "kubectl delete pod web-0"},
	}
	if diff := cmp.Diff(want, p.Blocks[1].Commands()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	want = []Command{{Text: "rm -rf /\necho gone\n"}}
	if diff := cmp.Diff(want, p.Blocks[2].Commands()); diff != "" {
		t.Errorf("commands without a prompt (-want +got):\n%s", diff)
	}
}

func TestOnlyReads(t *testing.T) {
	for command, want := range map[string]bool{
		"kubectl get pods -o custom-columns='SET:.metadata.name'": true,
		"kubectl windlass tree sidecarset/mesh":                   true,
		"kubectl windlass set image sidecarset/mesh a=b":          false,
		"kubectl windlass exclusions --lift node1":                false,
		"kubectl get pods > before":                               false,
		"kubectl wait asts/web --for=condition=Ready":             true,
		"helm upgrade windlass charts/windlass":                   false,
		`kubectl patch asts web --type=merge -p '{"spec":{}}'`:    false,
	} {
		if got := (Command{Text: command}).OnlyReads(); got != want {
			t.Errorf("%s: got %t, want %t", command, got, want)
		}
	}
}

func TestReplaceKeepsTheRest(t *testing.T) {
	p := parsed(t)
	got := string(p.Replace(map[int]string{2: "one\ntwo\n"}))
	want := strings.Replace(page, "   rm -rf /\n   echo gone\n", "   one\n   two\n", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestPrintIsWhatWasRead(t *testing.T) {
	block := Block{Text: "$ one\na\nb\n$ two\n"}
	if diff := cmp.Diff(block.Text, Print(block.Commands())); diff != "" {
		t.Errorf("block (-want +got):\n%s", diff)
	}
}

func TestMatch(t *testing.T) {
	known := Names{"5d8f4c6b9d-2xkzm": "6c7b8d9f4d-qqqqq"}
	tests := map[string]struct {
		shown, got string
		want       Names
		wantError  bool
	}{
		"the same text, whatever its columns": {shown: "NAME  READY", got: "NAME      READY\n", want: known},
		"another text":                        {shown: "READY 2/2", got: "READY 1/2", wantError: true},
		"a line too many":                     {shown: "a", got: "a\nb", wantError: true},
		"a line too few":                      {shown: "a\nb", got: "a", wantError: true},
		"any lines":                           {shown: "a\n...\nd", got: "a\nb\nc\nd", want: known},
		"no lines at all":                     {shown: "a\n...\nd", got: "a\nd", want: known},
		"the rest of a line":                  {shown: "a ... d", got: "a b c d", want: known},
		"another age":                         {shown: "web 5m ~2m left", got: "web 1h3m ~10s left", want: known},
		"an age where there is none":          {shown: "web 5m", got: "web Running", wantError: true},
		"another time":                        {shown: "at 2026-01-02T03:09:05Z", got: "at 2027-11-02T03:09:05Z", want: known},
		"a known name":                        {shown: "pod/web-5d8f4c6b9d-2xkzm", got: "pod/web-6c7b8d9f4d-qqqqq", want: known},
		"another name than the known one":     {shown: "pod/web-5d8f4c6b9d-2xkzm", got: "pod/web-6c7b8d9f4d-bbbbb", wantError: true},
		"a new name": {shown: "web-5d8f4c6b9d-7nq4t 10.1.2.3 node1", got: "web-6c7b8d9f4d-zzzzz 10.9.9.9 node2", want: Names{
			"5d8f4c6b9d-2xkzm": "6c7b8d9f4d-qqqqq", "5d8f4c6b9d-7nq4t": "6c7b8d9f4d-zzzzz", "10.1.2.3": "10.9.9.9", "node1": "node2"}},
		"a new name that is a known one in the cluster": {shown: "web-5d8f4c6b9d-7nq4t", got: "web-6c7b8d9f4d-qqqqq", wantError: true},
		"a hash":                            {shown: "mesh-6cf9d8b7c5 x", got: "mesh-7b4fbb55c8 x", want: Names{"5d8f4c6b9d-2xkzm": "6c7b8d9f4d-qqqqq", "6cf9d8b7c5": "7b4fbb55c8"}},
		"what regular expressions misread":  {shown: "[####] (a+b)", got: "[####] (a+b)", want: known},
		"a memory amount, which is no time": {shown: "8Mi", got: "16Mi", wantError: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := known.Match(strings.Split(test.shown, "\n"), test.got)
			if (err != nil) != test.wantError {
				t.Fatalf("error %v, want one: %t", err, test.wantError)
			}
			if test.wantError {
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamesAreTranslated(t *testing.T) {
	names := Names{"5d8f4c6b9d-2xkzm": "6c7b8d9f4d-qqqqq"}
	const onPage, inCluster = "logs pod/web-5d8f4c6b9d-2xkzm", "logs pod/web-6c7b8d9f4d-qqqqq"
	if diff := cmp.Diff(inCluster, names.InCluster(onPage)); diff != "" {
		t.Errorf("in the cluster (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(onPage, names.OnPage(inCluster)); diff != "" {
		t.Errorf("on the page (-want +got):\n%s", diff)
	}
}

func TestManifests(t *testing.T) {
	tests := map[string]struct {
		block     Block
		want      []string
		wantError bool
	}{
		"a part of spec": {
			block: Block{PartOf: "sidecarset", Text: "updateStrategy: {maxUnavailable: 2}\n"},
			want:  []string{"maxUnavailable: 2", "kind: SidecarSet", "matchLabels:"}},
		"a part with spec": {
			block: Block{PartOf: "statefulset", Text: "spec:\n  replicas: 5\n"},
			want:  []string{"replicas: 5", "kind: StatefulSet"}},
		"an object of another namespace": {
			block: Block{Text: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\n"},
			want:  []string{"namespace: default"}},
		"a part of nothing": {block: Block{Text: "a: b\n"}, wantError: true},
		"a key twice":       {block: Block{Text: "apiVersion: v1\nkind: Pod\nkind: Job\n"}, wantError: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.block.Manifests()
			if (err != nil) != test.wantError {
				t.Fatalf("error %v, want one: %t", err, test.wantError)
			}
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in\n%s", want, got)
				}
			}
		})
	}
}

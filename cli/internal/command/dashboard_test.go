// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/cli/internal/dashboard"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// still is a cluster in which nothing happens.
type still struct{ client.Client }

func (s still) Live() client.Client { return s.Client }

func (still) Notices() []string { return nil }

func (still) Changed() <-chan struct{} { return nil }

// site is a dashboard that runs.
type site struct {
	t *testing.T
	// url is what was printed, opened the files that a browser was asked to open.
	url    string
	opened []string
	stop   func() result
}

// dashboard runs the command until the test ends, or it is stopped.
func (w *world) dashboard(line string) *site {
	w.t.Helper()
	out, printed := io.Pipe()
	var errOut bytes.Buffer
	ctx, cancel := context.WithCancel(w.t.Context())
	s := &site{t: w.t}
	ended := make(chan int, 1)
	go func() {
		code := Run(ctx, Env{
			IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: printed, ErrOut: &errOut},
			Now:       func() time.Time { return now },
			Watch: func(context.Context, *genericclioptions.ConfigFlags, string) (dashboard.Source, error) {
				return still{w.Client}, nil
			},
			Open: func(path string) error {
				content, err := os.ReadFile(path)
				s.opened = append(s.opened, string(content))
				return errors.Join(err, errors.New("there is no desktop"))
			},
		}, strings.Fields(line))
		printed.Close()
		ended <- code
	}()
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		w.t.Fatalf("%v: %s", err, errOut.String())
	}
	s.url = strings.TrimSpace(first)
	rest := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(lines)
		rest <- string(all)
	}()
	s.stop = func() result {
		cancel()
		return result{Out: <-rest, Code: <-ended, Err: errOut.String()}
	}
	return s
}

// text is what a page says, without its marks.
func (s *site) text(path string) string {
	s.t.Helper()
	answer, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %v\n%s", path, answer.Status, err, body)
	}
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(body), ""))
}

// What the pages say is what the commands say.
func TestTheDashboardSaysWhatTheCommandsSay(t *testing.T) {
	w := newWorld(t, meshInTheMiddle(t)...)
	s := w.dashboard("dashboard")
	defer s.stop()

	var tree view.Tree
	if err := json.Unmarshal([]byte(w.run("tree sidecarset/mesh -o json").Out), &tree); err != nil {
		t.Fatal(err)
	}
	want := []string{"sidecarset/mesh", tree.Root.Status, tree.Root.Message, "since 2m"}
	for _, note := range tree.Root.Notes {
		want = append(want, fmt.Sprintf("%s (%s): %s", note.Condition, note.Reason, note.Message))
	}
	for _, waits := range tree.Root.Waiting {
		want = append(want, view.Waits(waits))
	}
	for _, group := range tree.Groups {
		want = append(want, group.Title)
		for _, pod := range group.Pods {
			want = append(want, pod.Namespace+"/"+pod.Name+" "+pod.State)
		}
	}
	var why view.Why
	if err := json.Unmarshal([]byte(w.run("why pod/late -o json").Out), &why); err != nil {
		t.Fatal(err)
	}
	pages := map[string][]string{"sidecarset/mesh": want, "": {"sidecarset/mesh", tree.Root.Status, "2/4", "2m"}, "pod/default/late": why.Notes}
	for _, a := range why.Answers {
		pages["pod/default/late"] = append(pages["pod/default/late"], fmt.Sprintf("%s/%s", a.Kind, a.Name), a.Reason, a.Text)
		pages["pod/default/late"] = append(append(pages["pod/default/late"], a.Evidence...), a.Type...)
	}
	for path, texts := range pages {
		got := s.text(path)
		for _, text := range texts {
			if !strings.Contains(got, text) {
				t.Errorf("page %q does not say %q:\n%s", path, text, got)
			}
		}
	}
}

// withContext has kubectl's configuration know a context.
func (w *world) withContext(name string) *world {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "config")
	config := clientcmdapi.NewConfig()
	config.Contexts[name] = &clientcmdapi.Context{Cluster: "c"}
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: "https://nowhere.example"}
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		w.t.Fatal(err)
	}
	w.t.Setenv("KUBECONFIG", path)
	return w
}

func TestTheDashboardShowsExclusions(t *testing.T) {
	w := newWorld(t, excluding([]string{"node-1"}, exclusion("node-1", 5*time.Minute))).withContext("prod")
	s := w.dashboard("dashboard --context prod")
	defer s.stop()
	for _, text := range []string{"node-1", "asts/web", "ErrImagePull (web:2)", "5m", "60m",
		"kubectl windlass exclusions --lift node-1 -n default --context prod"} {
		if got := s.text("exclusions"); !strings.Contains(got, text) {
			t.Errorf("%q is missing:\n%s", text, got)
		}
	}
}

func TestTheDashboardEnds(t *testing.T) {
	s := newWorld(t).dashboard("dashboard --read-only --open")
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/[A-Z2-7]{26}/$`).MatchString(s.url) {
		t.Errorf("URL %s", s.url)
	}
	want := result{Out: "Whoever has this URL can see what you can see. It ends with ctrl-C.\n", Code: 0,
		Err: "warning: no browser was opened: there is no desktop\n"}
	if got := s.stop(); got != want {
		t.Errorf("%+v", got)
	}
	if len(s.opened) != 1 || !strings.Contains(s.opened[0], `content="0; url=`+s.url+`"`) {
		t.Errorf("opened %q", s.opened)
	}
}

func TestTheDashboardsCommandLine(t *testing.T) {
	w := newWorld(t)
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	w.check(fmt.Sprintf("dashboard --port %d", port), result{Code: 1, Err: fmt.Sprintf(
		"error: --port=%d: cannot listen there: listen tcp4 127.0.0.1:%d: bind: address already in use; without --port a free one is taken\n", port, port)})
	w.check("dashboard --port 70000", result{Code: 2, Err: "error: --port=70000: must be from 0 to 65535\n"})
	w.check("dashboard now", result{Code: 2, Err: "error: kubectl windlass dashboard takes no arguments, and got \"now\"\n"})
}

func TestCommandsOfThePagesAreForTheSameCluster(t *testing.T) {
	s := newWorld(t, completeStatefulSet("shop", "web"), completeStatefulSet("default", "db")).withContext("big@prod").
		dashboard("dashboard -n shop --context big@prod --as me;rm --token secret")
	defer s.stop()
	got := s.text("asts/shop/web")
	if !strings.Contains(got, "kubectl windlass pause asts/web -n shop --as 'me;rm' --context big@prod") || strings.Contains(got, "secret") {
		t.Error(got)
	}
	if got := s.text(""); strings.Contains(got, "asts/db") || !strings.Contains(got, "namespace shop") {
		t.Error(got)
	}
}

func TestTheHeaderNamesTheClusterThatIsUsed(t *testing.T) {
	for line, want := range map[string]string{
		"":                             "prod",
		"--context dev":                "dev",
		"--cluster dev":                "cluster dev",
		"--server https://dev.example": "server https://dev.example",
		"--context dev --server https://other.example": "server https://other.example",
		"--user admin":                        "prod, user admin",
		"--cluster dev --user admin --as ann": "cluster dev, user admin, as ann",
	} {
		flags, set := genericclioptions.NewConfigFlags(true), pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.AddFlags(set)
		if err := set.Parse(strings.Fields(line)); err != nil {
			t.Fatal(err)
		}
		if got := whereabouts(flags, "prod"); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	s := newWorld(t).withContext("prod").dashboard("dashboard --context prod --server https://dev.example")
	defer s.stop()
	if got := s.text(""); !strings.Contains(got, "Windlass · server https://dev.example\n") {
		t.Error(got)
	}
}

func TestFlagsForTheSameCluster(t *testing.T) {
	for line, want := range map[string]string{
		"": "",
		"--server https://dev.example --certificate-authority /ca.crt --tls-server-name dev --insecure-skip-tls-verify": " --certificate-authority /ca.crt --insecure-skip-tls-verify=true --server https://dev.example --tls-server-name dev",
		"--client-certificate me.crt --client-key me.key --proxy-url http://proxy":                                      " --client-certificate me.crt --client-key me.key --proxy-url http://proxy",
		"--as ann --as-group a --as-group b,c --kubeconfig /odd,[name]":                                                 " --as ann --as-group a --as-group b,c --kubeconfig '/odd,[name]'",
		"--token secret --username me --password secret --namespace shop --request-timeout 1s":                          "",
	} {
		flags, set := genericclioptions.NewConfigFlags(true).WithDeprecatedPasswordFlag(), pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.AddFlags(set)
		if err := set.Parse(strings.Fields(line)); err != nil {
			t.Fatal(err)
		}
		if got := sameCluster(set); got != want {
			t.Errorf("%s:\n%q, want\n%q", line, got, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package program

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func TestProfilesAreServedOnLoopbackAlone(t *testing.T) {
	refused := func(value string) string {
		return "--pprof-bind-address=" + value + ": must be a loopback address and a port, such as 127.0.0.1:6060 or [::1]:6060, or 0 for no profiles"
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"off by default":            {nil, ""},
		"off":                       {[]string{"--pprof-bind-address=0"}, ""},
		"IPv4":                      {[]string{"--pprof-bind-address=127.0.0.1:6060"}, ""},
		"another one of loopback":   {[]string{"--pprof-bind-address=127.8.9.10:6060"}, ""},
		"IPv6":                      {[]string{"--pprof-bind-address=[::1]:6060"}, ""},
		"every address":             {[]string{"--pprof-bind-address=:6060"}, refused(":6060")},
		"every address of IPv4":     {[]string{"--pprof-bind-address=0.0.0.0:6060"}, refused("0.0.0.0:6060")},
		"every address of IPv6":     {[]string{"--pprof-bind-address=[::]:6060"}, refused("[::]:6060")},
		"an address of the network": {[]string{"--pprof-bind-address=10.0.0.7:6060"}, refused("10.0.0.7:6060")},
		"a name, which may lead anywhere": {
			[]string{"--pprof-bind-address=localhost:6060"}, refused("localhost:6060"),
		},
		"no port":   {[]string{"--pprof-bind-address=127.0.0.1"}, refused("127.0.0.1")},
		"any port":  {[]string{"--pprof-bind-address=127.0.0.1:0"}, refused("127.0.0.1:0")},
		"no number": {[]string{"--pprof-bind-address=127.0.0.1:http"}, refused("127.0.0.1:http")},
	} {
		t.Run(name, func(t *testing.T) {
			o, flags := Options{}, flag.NewFlagSet("program", flag.ContinueOnError)
			o.AddFlags(flags)
			if err := flags.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := o.Check(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// The port of the metrics is reachable from the whole cluster.
func TestProfilesHaveAPortOfTheirOwn(t *testing.T) {
	o := Options{PprofAddress: freePort(t)}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	address, metrics := o.PprofAddress, freePort(t)
	mgr, err := manager.New(&rest.Config{Host: "http://" + freePort(t)}, manager.Options{
		Scheme: Scheme(), PprofBindAddress: address, HealthProbeBindAddress: "0", Metrics: metricsserver.Options{BindAddress: metrics},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mgr.Start(t.Context()) }()
	eventually(t, "profiles and metrics are served", func() bool {
		return get(address, "/debug/pprof/") != "" && get(metrics, "/metrics") != ""
	})
	if got := get(address, "/debug/pprof/goroutine?debug=1"); !strings.HasPrefix(got, "200 goroutine profile") {
		t.Errorf("the profile is %.80q", got)
	}
	if got := get(metrics, "/debug/pprof/"); !strings.HasPrefix(got, "404") {
		t.Errorf("the port of the metrics answers %.80q when it is asked for profiles", got)
	}
}

// get is the answer to a request, its code first; empty while nobody answers.
func get(address, path string) string {
	response, err := http.Get("http://" + address + path) //nolint:noctx // on this machine
	if err != nil {
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s", response.StatusCode, text)
}

// SPDX-License-Identifier: Apache-2.0

// Command testapp is what the tests run as application and as sidecar.
//
//	testapp serve            HTTP server (the default): /readyz, /healthz, /version, /env?name=, /get?url=,
//	                         /lookup?host=, /slow?for=
//	testapp sleep            does nothing until SIGTERM
//	testapp exit CODE        ends at once with CODE
//	testapp crash-after D    serves, then ends with 1 after the duration D
//	testapp proxy HOST:PORT  passes requests on to an application, and ends at SIGTERM with those that it is busy with
//	testapp load             sends POST requests to the ready Pods of a Service and counts those that are lost: /report, /stop
//
// Settings by environment: APP_VERSION (what /version says), APP_ADDR (listen address, default ":8080"),
// APP_READY_AFTER (duration until /readyz turns 200, default 0), APP_SHUTDOWN_DELAY (duration between SIGTERM and the
// end, default 0). Of load: LOAD_SERVICE (name of a Service in the Pod's namespace, whose EndpointSlices are followed),
// LOAD_PORT (of the Service: requests go to its own address instead), LOAD_RATE (requests a second), LOAD_REQUESTS (how
// many in all), LOAD_PATH, LOAD_KEEPALIVE ("false" makes a connection for each request).
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testapp:", err)
	}
	os.Exit(code)
}

// run carries out one subcommand and returns the exit code.
func run(ctx context.Context, args []string) (int, error) {
	mode, arg := "serve", ""
	if len(args) > 0 {
		mode = args[0]
	}
	if len(args) > 1 {
		arg = args[1]
	}
	fmt.Println("testapp", mode, arg, "version", os.Getenv("APP_VERSION"))
	switch mode {
	case "serve":
		return serve(ctx)
	case "sleep":
		<-ctx.Done()
		return 0, nil
	case "exit":
		code, err := strconv.Atoi(arg)
		if err != nil {
			return 2, fmt.Errorf("exit %q: want a number from 0 to 255", arg)
		}
		return code, nil
	case "crash-after":
		return crashAfter(ctx, arg)
	case "proxy":
		return proxy(ctx, arg)
	case "load":
		return runLoad(ctx)
	default:
		return 2, fmt.Errorf("unknown subcommand %q: want serve, sleep, exit CODE, crash-after DURATION, proxy HOST:PORT or load", mode)
	}
}

// crashAfter serves until the duration has passed and then fails, or ends cleanly if it is stopped before.
func crashAfter(ctx context.Context, arg string) (int, error) {
	d, err := time.ParseDuration(arg)
	if err != nil {
		return 2, fmt.Errorf("crash-after %q: want a duration such as 5s", arg)
	}
	timed, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	code, err := serve(timed)
	if ctx.Err() == nil && err == nil {
		return 1, fmt.Errorf("crashing after %s, as asked", d)
	}
	return code, err
}

// serve answers the test suites' questions until the context ends.
func serve(ctx context.Context) (int, error) {
	readyAfter, err := durationFromEnv("APP_READY_AFTER")
	if err != nil {
		return 2, err
	}
	shutdownDelay, err := durationFromEnv("APP_SHUTDOWN_DELAY")
	if err != nil {
		return 2, err
	}
	return serveHandler(ctx, newHandler(time.Now().Add(readyAfter)), shutdownDelay)
}

// serveHandler answers HTTP until the context ends and the delay has passed.
func serveHandler(ctx context.Context, handler http.Handler, shutdownDelay time.Duration) (int, error) {
	server := newServer(handler)
	go func() {
		<-ctx.Done()
		time.Sleep(shutdownDelay)
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return 1, err
	}
	return 0, nil
}

// newServer listens where APP_ADDR says, on port 8080 if it says nothing.
func newServer(handler http.Handler) *http.Server {
	addr := os.Getenv("APP_ADDR")
	if addr == "" {
		addr = ":8080"
	}
	return &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
}

// durationFromEnv reads a duration from an environment variable; unset means 0.
func durationFromEnv(name string) (time.Duration, error) {
	value := os.Getenv(name)
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("%s=%q: want a duration such as 5s", name, value)
	}
	return d, nil
}

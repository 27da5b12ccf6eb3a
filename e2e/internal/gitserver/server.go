// SPDX-License-Identifier: Apache-2.0

// Package gitserver serves git repositories on this machine, over git's smart HTTP protocol, which GitOps tools fetch
// from, and changes what is in them.
package gitserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"path/filepath"
	"strings"
)

// Server serves repositories for reading. They are written to through Repository.
type Server struct {
	root     string
	url      string
	server   *http.Server
	finished chan error
}

// Start serves, on a free port of 127.0.0.1, the repositories that are made in a directory, which must exist. What git
// complains about goes to the log.
func Start(ctx context.Context, directory string, log io.Writer) (*Server, error) {
	root, err := filepath.Abs(directory)
	if err != nil {
		return nil, fmt.Errorf("serve git repositories of %s: %w", directory, err)
	}
	libexec, err := git(ctx, root, "--exec-path")
	if err != nil {
		return nil, fmt.Errorf("find git-http-backend: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve git repositories of %s: %w", directory, err)
	}
	handler := &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(libexec), "git-http-backend"),
		Dir:    root,
		Env:    append(settings(), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1"),
		Stderr: log,
	}
	s := &Server{root: root, url: "http://" + listener.Addr().String(), finished: make(chan error, 1)}
	s.server = &http.Server{Handler: handler}
	go func() { s.finished <- s.server.Serve(listener) }()
	return s, nil
}

// Stop ends the server. Requests under way break off.
func (s *Server) Stop() error {
	if err := s.server.Close(); err != nil {
		return fmt.Errorf("stop the git server: %w", err)
	}
	if err := <-s.finished; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the git server ended before it was stopped: %w", err)
	}
	return nil
}

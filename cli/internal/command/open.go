// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"html"
	"os"
	"os/exec"
	"runtime"
)

// leadTo opens a URL by a file of the user's own that leads there: what programs are called with, everybody on the
// machine can see. The returned function removes the file.
func leadTo(url string, open func(path string) error) (remove func(), err error) {
	file, err := os.CreateTemp("", "windlass-dashboard-*.html") // readable for its owner alone
	if err != nil {
		return func() {}, err
	}
	remove = func() { _ = os.Remove(file.Name()) }
	to := html.EscapeString(url)
	_, err = fmt.Fprintf(file, "<!doctype html><meta http-equiv=\"refresh\" content=\"0; url=%s\"><a href=\"%s\">Dashboard</a>\n", to, to)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = open(file.Name())
	}
	return remove, err
}

// Open opens a file as the desktop does.
func Open(path string) error {
	words := []string{"xdg-open", path}
	switch runtime.GOOS {
	case "darwin":
		words[0] = "open"
	case "windows":
		words = []string{"rundll32", "url.dll,FileProtocolHandler", path}
	}
	cmd := exec.Command(words[0], words[1:]...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

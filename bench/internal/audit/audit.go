// SPDX-License-Identifier: Apache-2.0

// Package audit counts writes to Pods in the API server's audit log, which tells who wrote.
package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Writes are those to the Pods of one namespace by one account.
type Writes struct {
	// Taken are those that the API server took, by verb and subresource: "patch", "patch status".
	Taken map[string]int
	// Refused are those that it did not, by HTTP code.
	Refused map[int]int
	// Tried are those that were only to be tried (dry runs), whatever came of them.
	Tried int
}

// Total is how many were taken.
func (w Writes) Total() int {
	total := 0
	for _, n := range w.Taken {
		total += n
	}
	return total
}

// Conflicts are the writes that were refused because somebody else had written before, and had to be tried again: by
// their resourceVersion, or by a condition that a JSON patch tests.
func (w Writes) Conflicts() int { return w.Refused[409] + w.Refused[422] }

// Mark is a place in the log. It survives that the log is begun anew once.
type Mark struct {
	path string
	file *os.File
}

// Here marks the present end of a log.
func Here(path string) (*Mark, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("mark a place in the audit log: %w", err)
	}
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		file.Close()
		return nil, fmt.Errorf("mark a place in the audit log: %w", err)
	}
	return &Mark{path: path, file: file}, nil
}

// Since counts the writes since the mark, to Pods of a namespace, by users whose names begin so. The mark is of no use
// after that.
func (m *Mark) Since(namespace, userPrefix string) (Writes, error) {
	defer m.file.Close()
	writes := Writes{Taken: map[string]int{}, Refused: map[int]int{}}
	if err := writes.count(m.file, namespace, userPrefix); err != nil {
		return Writes{}, err
	}
	now, err := os.Open(m.path)
	if err != nil {
		return Writes{}, fmt.Errorf("read the audit log: %w", err)
	}
	defer now.Close()
	if same(m.file, now) {
		return writes, nil
	}
	err = writes.count(now, namespace, userPrefix)
	return writes, err
}

func same(a, b *os.File) bool {
	first, err := a.Stat()
	second, also := b.Stat()
	return err == nil && also == nil && os.SameFile(first, second)
}

// event is what is read of a line.
type event struct {
	Stage      string `json:"stage"`
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource, Namespace, Subresource string
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

func (w *Writes) count(log io.Reader, namespace, userPrefix string) error {
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what follows the last newline is being written
		}
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("read a line of the audit log: %w", err)
		}
		if !e.counts() || e.ObjectRef.Namespace != namespace || !strings.HasPrefix(e.User.Username, userPrefix) {
			continue
		}
		w.add(&e)
	}
}

func (w *Writes) add(e *event) {
	code := e.ResponseStatus.Code
	switch {
	case strings.Contains(e.RequestURI, "dryRun="):
		w.Tried++
	case code >= 200 && code < 300:
		w.Taken[strings.TrimSpace(e.Verb+" "+e.ObjectRef.Subresource)]++
	default:
		w.Refused[code]++
	}
}

// counts reports whether it is the answer to a write to a Pod.
func (e *event) counts() bool { return e.Stage == "ResponseComplete" && e.ObjectRef.Resource == "pods" }

// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// File is a configuration file that may change while the program runs, as files mounted from a ConfigMap do. It is
// looked at whenever its value is asked for, so a change needs neither a restart nor a watch; use it where questions
// are rare. It is safe for concurrent use.
type File[T any] struct {
	path     string
	parse    func([]byte) (T, error)
	optional bool

	mu      sync.Mutex
	read    bool
	content []byte
	value   T
	err     error
}

// NewFile reads the file at path with parse. The path "" is read as an empty file.
func NewFile[T any](path string, parse func([]byte) (T, error)) *File[T] {
	return &File[T]{path: path, parse: parse}
}

// NewOptionalFile is NewFile for a file that need not exist: while it does not, it is read as an empty one.
func NewOptionalFile[T any](path string, parse func([]byte) (T, error)) *File[T] {
	return &File[T]{path: path, parse: parse, optional: true}
}

// Value is what the file says now. When it cannot be read or understood, the error says why, and the value is the last
// one that could: a mistake in the file neither lifts a policy nor stops the program.
func (f *File[T]) Value() (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, err := f.load()
	if err != nil {
		return f.value, err
	}
	if f.read && bytes.Equal(content, f.content) {
		return f.value, f.err
	}
	f.read, f.content = true, content
	value, err := f.parse(content)
	if err != nil {
		f.err = fmt.Errorf("%s: %w", f.path, err)
		return f.value, f.err
	}
	f.value, f.err = value, nil
	return f.value, nil
}

func (f *File[T]) load() ([]byte, error) {
	if f.path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(f.path)
	if f.optional && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	kyaml "sigs.k8s.io/yaml"
)

// Document is an object of a file.
type Document struct {
	// File is what the object was read from, as it was named.
	File   string
	Object *unstructured.Unstructured
	// Doubled says which keys the document has twice.
	Doubled []string
}

// ReadDocuments reads the objects of files in YAML or JSON, those of lists one by one; - is the standard input.
func ReadDocuments(names []string, in io.Reader) ([]*Document, error) {
	var out []*Document
	for _, name := range names {
		read := func(from io.Reader) error {
			documents, err := documentsIn(name, from)
			out = append(out, documents...)
			return err
		}
		if err := withFile(name, in, read); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

func documentsIn(file string, in io.Reader) ([]*Document, error) {
	buffered := bufio.NewReaderSize(in, ahead)
	next := yaml.NewYAMLReader(buffered).Read
	if begin, err := buffered.Peek(ahead); yaml.IsJSONBuffer(begin) {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		decoder := json.NewDecoder(buffered)
		next = func() ([]byte, error) {
			var raw json.RawMessage
			err := decoder.Decode(&raw)
			return raw, err
		}
	}
	var out []*Document
	for {
		text, err := next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		documents, err := documentsOf(file, text)
		if err != nil {
			return nil, err
		}
		out = append(out, documents...)
	}
}

// documentsOf reads one document, which may be a list.
func documentsOf(file string, text []byte) ([]*Document, error) {
	data, err := kyaml.YAMLToJSONStrict(text)
	var doubled []string
	if err != nil { // where a key is there twice, and nothing else is wrong, the rest is looked at all the same
		doubled = complaints(err)
		if data, err = kyaml.YAMLToJSON(text); err != nil {
			return nil, err
		}
	}
	if data = bytes.TrimSpace(data); bytes.Equal(data, []byte("null")) {
		return nil, nil // nothing between two separators
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	if !object.IsList() {
		return []*Document{{File: file, Object: object, Doubled: doubled}}, nil
	}
	var out []*Document
	return out, object.EachListItem(func(item runtime.Object) error {
		out = append(out, &Document{File: file, Object: item.(*unstructured.Unstructured), Doubled: doubled})
		return nil
	})
}

// complaints are what a decoder says, without its heading. Lines are counted within the document.
func complaints(err error) (out []string) {
	lines := strings.Split(err.Error(), "\n")
	for _, line := range lines[min(1, len(lines)-1):] {
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// withFile has something read from a file.
func withFile(name string, in io.Reader, read func(io.Reader) error) error {
	if name == "-" {
		return read(in)
	}
	file, err := os.Open(name)
	if pathError := (*os.PathError)(nil); errors.As(err, &pathError) {
		return pathError.Err // the name is said already
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return read(file)
}

// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// TagImage gives an image in the registry of the cluster a further tag of its own repository, that no node has pulled if
// it is new.
func (c *Cluster) TagImage(ctx context.Context, reference, tag string) error {
	if c.Options.Registry == "" {
		return errors.New("-registry is not set: it must be the address of the registry that the cluster takes its images from")
	}
	_, path, _ := strings.Cut(reference, "/")
	repository, from, _ := strings.Cut(path, ":")
	manifests := fmt.Sprintf("http://%s/v2/%s/manifests/", c.Options.Registry, repository)
	manifest, kind, err := manifestCall(ctx, http.MethodGet, manifests+from, "", nil)
	if err != nil {
		return err
	}
	_, _, err = manifestCall(ctx, http.MethodPut, manifests+tag, kind, manifest)
	return err
}

// manifestCall asks a registry about a manifest and returns the answer with its media type.
func manifestCall(ctx context.Context, method, url, kind string, body []byte) (answer []byte, media string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json")
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, "", fmt.Errorf("%s %s: %w", method, url, err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusMultipleChoices {
		return nil, "", errors.Join(err, fmt.Errorf("%s %s: %s: %s", method, url, response.Status, answer))
	}
	return answer, response.Header.Get("Content-Type"), nil
}

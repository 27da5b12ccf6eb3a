// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// CheckImages fails when the options name a registry and it lacks an image, so that this is said at once and not by
// Pods that never start.
func (c *Cluster) CheckImages(ctx context.Context, references ...string) error {
	if c.Options.Registry == "" {
		return nil
	}
	for _, reference := range references {
		if err := checkImage(ctx, c.Options.Registry, reference); err != nil {
			return err
		}
	}
	return nil
}

func checkImage(ctx context.Context, registry, reference string) error {
	_, path, _ := strings.Cut(reference, "/")
	repository, tag, _ := strings.Cut(path, ":")
	url := fmt.Sprintf("http://%s/v2/%s/manifests/%s", registry, repository, tag)
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("look for image %s: %w", reference, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("look for image %s in the registry at %s: %w", reference, registry, err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry at %s does not have image %s (%s): push it first, the operator's with `make image`", registry, reference, response.Status)
	}
	return nil
}

// Image is the image that the release runs.
func (c *Cluster) Image(r *Release) string {
	if c.Options.Image != "" {
		return c.Options.Image
	}
	return fmt.Sprintf("%s/%s:%s", r.chartImage("registry"), r.chartImage("repository"), r.chart.AppVersion())
}

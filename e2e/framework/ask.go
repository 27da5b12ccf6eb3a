// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// askPatience is how long one answer of a Pod may take. Whoever waits for one that is good asks again.
const askPatience = 30 * time.Second

// AskPod sends a GET request to a port of a Pod, through the API server, and returns the body of the answer.
func (c *Cluster) AskPod(ctx context.Context, namespace, pod string, port int, path string) (string, error) {
	address, stop, err := c.Forward(ctx, namespace, pod, port)
	if err != nil {
		return "", err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return "", fmt.Errorf("ask Pod %s/%s for %s: %w", namespace, pod, path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("read the answer of Pod %s/%s to %s: %w", namespace, pod, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask Pod %s/%s for %s: %s: %s", namespace, pod, path, response.Status, body)
	}
	return string(body), nil
}

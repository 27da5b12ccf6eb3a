// SPDX-License-Identifier: Apache-2.0

// Package docs reads the project's pages as their readers do: what they are told to type and are shown, which manifests
// they copy, and where links lead. Its own tests need no cluster; package console does on one what the pages say.
//
// How a page is written so that it can be tried stands in CONTRIBUTING.md.
package docs

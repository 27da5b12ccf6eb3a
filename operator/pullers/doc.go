// SPDX-License-Identifier: Apache-2.0

// Package pullers makes and deletes the Pods by which nodes pull images before containers restart with them, and
// remembers what they showed. All controllers that change images in place share it; what is to be done is decided in
// internal/pull.
package pullers

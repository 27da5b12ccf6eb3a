// SPDX-License-Identifier: Apache-2.0

package sidecarset

// CompareGolden compares with a golden file, or rewrites it.
var CompareGolden = compareGolden

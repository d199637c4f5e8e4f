//go:build !linux

package platform

// keepPrivate has no counterpart here.
func keepPrivate() {}

//go:build !linux

package main

// keepPrivate has no counterpart here.
func keepPrivate() {}

//go:build !failpoint

package failpoint

// Here does nothing: see the package's comment.
func Here(string) {}

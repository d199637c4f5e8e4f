//go:build unix && !linux

package process

import "syscall"

// attributes put the plugin into a process group of its own. The end of its stdin tells it that the host is
// gone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

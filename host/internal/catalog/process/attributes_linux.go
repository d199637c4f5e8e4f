package process

import "syscall"

// attributes put the plugin into a process group of its own and let the kernel kill it with the host.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

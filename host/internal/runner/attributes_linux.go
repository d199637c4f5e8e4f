package runner

import "syscall"

// attributes put the program into a process group of its own and let the kernel kill it with the daemon.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

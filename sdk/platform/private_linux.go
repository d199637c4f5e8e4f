package platform

import "syscall"

// keepPrivate keeps this process's memory, which holds the platform's secrets, from other processes of the same
// user, such as agents.
func keepPrivate() {
	_, _, _ = syscall.Syscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0) // fails on kernels without it only
}

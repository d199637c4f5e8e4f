// Package process starts one plugin process and owns it until nothing is left of it: its process group, its
// pipes, and what it says on them. It is the door through which go-plugin starts processes.
//
//	stdin    a pipe that the host holds: it ends when the host does, however it dies
//	stdout   up to the handshake line, then log
//	stderr   log, in whatever form the plugin's language writes it
package process

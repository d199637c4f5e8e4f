package graph

import "net"

// Local reports whether the host of an address is this machine, so that what is sent there crosses no network. Of
// names only localhost is: others may lead anywhere.
func Local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

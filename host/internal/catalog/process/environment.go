package process

import (
	"slices"
	"strings"
)

// passed are the variables of the host that a plugin may see. Nothing else is: the host's environment holds
// everybody's secrets.
var passed = []string{
	"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK",
}

// Environment returns what a plugin gets of the host's environment.
func Environment(host []string) (out []string) {
	for _, kv := range host {
		if name, _, ok := strings.Cut(kv, "="); ok && slices.Contains(passed, name) {
			out = append(out, kv)
		}
	}
	return out
}

package media

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"code.dny.dev/ssrf"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
)

// store is where Meta keeps files.
const store = "lookaside.fbsbx.com"

// domains are those to which Meta's store may send on, without the token.
var domains = []string{"fbsbx.com", "fbcdn.net", "facebook.com", "whatsapp.net"}

// hosts says where files may come from, and who may see the token.
type hosts struct {
	base  *url.URL // of the Graph API
	local bool     // the base is on this machine
}

func newHosts(base string) (hosts, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return hosts{}, fmt.Errorf("%q is no address", base)
	}
	return hosts{base: u, local: graph.Local(u.Hostname())}, nil
}

// check says why nothing is fetched from an address; nil when it may be.
func (h hosts) check(u *url.URL) error {
	switch {
	case u.User != nil:
		return fmt.Errorf("there is a user in the address")
	case h.sameAsBase(u):
		return nil
	case u.Scheme != "https":
		return fmt.Errorf("the address is not https")
	case u.Port() != "" && u.Port() != "443":
		return fmt.Errorf("the address has the port %s", u.Port())
	case h.trusted(u), slices.ContainsFunc(domains, func(d string) bool {
		return strings.HasSuffix(strings.ToLower(u.Hostname()), "."+d)
	}):
		return nil
	}
	return fmt.Errorf("%.80q is no host of Meta's", u.Hostname())
}

// trusted reports whether a host gets the token. The address must have passed check.
func (h hosts) trusted(u *url.URL) bool {
	return h.sameAsBase(u) || u.Scheme == "https" && strings.EqualFold(u.Hostname(), store)
}

func (h hosts) sameAsBase(u *url.URL) bool {
	return u.Scheme == h.base.Scheme && strings.EqualFold(u.Host, h.base.Host)
}

const maxRedirects = 3

// client fetches from those hosts only.
func (h hosts) client(token string) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	// The check is made at the address that a name led to, so that a name cannot lead to this network. A proxy is the
	// operator's own choice: then it makes the connections.
	if !h.local && !proxied() {
		dialer.Control = ssrf.New(ssrf.WithPorts(443)).Safe
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 15 * time.Second,
			IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 8, MaxResponseHeaderBytes: 64 << 10,
			DisableCompression: true, // the digest is of the bytes as they come
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			if err := h.check(req.URL); err != nil {
				return fmt.Errorf("a redirect was not followed: %w", err)
			}
			req.Header.Del("Authorization")
			req.Header.Del("Referer") // it would tell the address before, which is as good as a key
			if h.trusted(req.URL) {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			return nil
		},
	}
}

// proxied reports whether Meta's store is reached through a proxy.
func proxied() bool {
	u, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: store}})
	return err == nil && u != nil
}

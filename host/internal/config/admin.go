package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// minToken is the shortest token of the admin listener, in bytes. A good one is `openssl rand -hex 32`.
const minToken = 16

func (l *loader) readAdmin(p place) {
	token, variable := p.child("token"), p.child("token_env")
	token.hide()
	variable.hide() // somebody may have put the token itself there
	p.isMapping()
	p.knownKeys()
	if l.settings.Overrides.NoAdmin {
		return
	}
	l.cfg.Admin.Listen = p.child("listen").str()
	l.cfg.Admin.Token = l.adminToken(token, variable)
	l.cfg.Admin.TLSCertFile, l.cfg.Admin.TLSKeyFile = serverTLS(p.child("tls"))
	if l.cfg.Admin.Listen != "" && l.settings.Overrides.AdminListen == "" {
		listen := p.child("listen")
		l.checkAdmin(func(hint, text string) { listen.errorf(hint, "%s %s", listen.key, text) })
		if !loopback(l.cfg.Admin.Listen) && l.cfg.Admin.TLSCertFile == "" {
			listen.warnf("set spec.admin.tls, or put a reverse proxy with a certificate before it",
				"the token of the admin listener crosses the network in the clear")
		}
	}
}

// adminToken is the token itself or that of an environment variable.
func (l *loader) adminToken(token, variable place) string {
	name := variable.str()
	switch {
	case token.given() && variable.given():
		variable.errorf("keep one", "%s and %s are both given", token.key, variable.key)
	case token.given():
		return l.longEnough(token, token.str())
	case name != "":
		value, set := l.settings.env(name)
		switch {
		case set && value != "":
		case conventional.MatchString(name):
			variable.errorf("set "+name, "%s needs the environment variable %s, which is not set", variable.key, name)
			return ""
		default: // it may be the token itself
			variable.errorf("write the name of a variable, not the token", "%s names an environment variable that is not set", variable.key)
			return ""
		}
		return l.longEnough(variable, value)
	}
	return ""
}

func (l *loader) longEnough(p place, token string) string {
	if p.given() && len(token) < minToken {
		p.errorf("make one with `openssl rand -hex 32`", "%s must have %d characters or more", p.key, minToken)
	}
	return token
}

// checkAdmin reports an address that cannot be listened on, or that everybody could reach.
func (l *loader) checkAdmin(report func(hint, text string)) {
	host, port, err := net.SplitHostPort(l.cfg.Admin.Listen)
	n, notNumber := strconv.Atoi(port)
	switch {
	case err != nil || notNumber != nil || n < 0 || n > 65535 || !isHost(host):
		report("write 127.0.0.1:9090", "must be an address and a port")
	case !loopback(l.cfg.Admin.Listen) && l.cfg.Admin.Token == "":
		report("set spec.admin.token_env, or listen on 127.0.0.1",
			fmt.Sprintf("is not on this machine only (%s), so it needs a token", host))
	}
}

// loopback tells an address that only this machine reaches.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

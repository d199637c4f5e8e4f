package config

import (
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// readRunner reads what runs the agent: one of exec, http and grpc, or a model.
func (a *agentDraft) readRunner(p place) {
	var given []place
	for _, key := range runnerKeys {
		if c := p.child(key); c.named {
			given = append(given, c)
		}
	}
	if len(given) == 0 {
		if a.Model == "" && p.l.cfg.Runtime.DefaultModel == "" {
			p.report(SeverityError, a.Pos, "give it exec, http or grpc", "agent %s has nothing that runs it", a.Name)
		}
		return
	}
	for _, other := range given[1:] {
		other.hide()
		p.report(SeverityError, p.src.pos(other.at), "keep one", "agent %s has %s and %s",
			a.Name, lastKey("."+given[0].key), lastKey("."+other.key))
	}
	block := given[0]
	if !block.given() {
		block.errorf("", "%s is empty", block.key)
	}
	if !block.isMapping() {
		return
	}
	block.knownKeys()
	switch lastKey("." + block.key) {
	case "exec":
		a.Exec = readExec(block, a.Dir)
	case "http":
		a.HTTP = readHTTP(block)
	case "grpc":
		a.GRPC = readGRPC(block)
	}
}

// timeout returns a limit that is given, or 0 for the runtime's.
func (p place) timeout() time.Duration {
	if t := p.child("timeout_secs"); t.given() {
		return t.seconds(1)
	}
	return 0
}

func readExec(p place, dir string) *Exec {
	command, env := p.child("command"), p.child("env")
	command.hide()
	env.hide()
	e := &Exec{Dir: dir, Env: env.dictionary(), Timeout: p.timeout()}
	switch {
	case command.node == nil:
		command.errorf("", "%s is required", command.key)
	case command.node.Kind == yaml.ScalarNode:
		command.errorf("write command: [PROGRAM, ARGUMENT]; for a shell line, [sh, -c, \"…\"]",
			"%s must be a list: no shell reads it", command.key)
	default:
		e.Command = command.argv()
		if command.node.Kind == yaml.SequenceNode && (len(e.Command) == 0 || e.Command[0] == "") {
			command.errorf("", "%s has no program", command.key)
		}
	}
	for name, value := range e.Env {
		if !variableName.MatchString(name) || strings.ContainsRune(value, 0) {
			env.errorf("", "%s has a name that is no name of a variable, or a value with a zero byte", env.key)
			break
		}
	}
	if d := p.child("dir"); d.given() {
		if path := d.str(); path != "" {
			if abs, ok := d.existing(path, true); ok {
				e.Dir = abs
			}
		}
	}
	return e
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func readHTTP(p place) *HTTP {
	headers, address := p.child("headers"), p.child("url")
	headers.hide()
	address.hide()
	h := &HTTP{URL: address.required(), Headers: headers.dictionary(), Timeout: p.timeout()}
	for name, value := range h.Headers {
		if !headerName.MatchString(name) || strings.ContainsAny(value, "\r\n\x00") {
			headers.errorf("", "%s has a name or a value that no HTTP header can have", headers.key)
			break
		}
	}
	if h.URL == "" {
		return h
	}
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		address.errorf("", "%s must be a URL that begins with https:// or http://", address.key)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		address.errorf("use https", "%s: http is for this machine only", address.key)
	}
	return h
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func readGRPC(p place) *GRPC {
	address, tls := p.child("address"), p.child("tls")
	g := &GRPC{Address: address.required(), TLS: readTLS(tls), Timeout: p.timeout()}
	if socket, ok := strings.CutPrefix(g.Address, "unix:"); ok {
		if !filepath.IsAbs(socket) {
			address.errorf("write unix:/path/to/socket", "%s must have an absolute path", address.key)
		}
		return g
	}
	if g.Address == "" {
		return g
	}
	host, port, err := net.SplitHostPort(g.Address)
	n, bad := strconv.Atoi(port)
	switch {
	case err != nil || bad != nil || host == "" || n < 1 || n > 65535:
		address.errorf("", "%s must be host:port or unix:/path", address.key)
	case g.TLS == nil && !isLoopback(host):
		address.errorf("add tls: true", "%s: without tls only this machine can be called", address.key)
	}
	return g
}

// readTLS reads true, false, or a mapping. Nil is plaintext.
func readTLS(p place) *GRPCTLS {
	if p.node == nil {
		return nil
	}
	if p.node.Kind == yaml.ScalarNode {
		if p.boolean() {
			return &GRPCTLS{}
		}
		return nil
	}
	if !p.isMapping() {
		return &GRPCTLS{}
	}
	p.knownKeys()
	t := &GRPCTLS{CAFile: p.child("ca_file").file(), ServerName: p.child("server_name").str()}
	if cert, key := p.child("cert_file"), p.child("key_file"); cert.given() || key.given() {
		t.CertFile, t.KeyFile = bothFiles(cert, key)
	}
	return t
}

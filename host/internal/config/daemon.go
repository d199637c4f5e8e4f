package config

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/aof-dev/aofd/sdk/chat"
)

// readDaemon reads the DaemonConfig. Without one, root has no node and all defaults hold.
func (l *loader) readDaemon(root place) {
	root.knownKeys()
	l.cfg.Name = root.envelope()
	spec := root.child("spec")
	l.daemon = spec
	if root.given() && !spec.given() {
		spec.errorf("", "spec is required")
	}
	spec.child("platforms").hide()
	spec.isMapping()
	warnUnused(spec.knownKeys())
	l.readServer(spec.child("server"))
	l.readAdmin(spec.child("admin"))
	l.readPlatforms(spec.child("platforms"))
	l.readRuntime(spec.child("runtime"))
	l.readDelivery(spec.child("delivery"))
	l.readSettings(spec.child("settings"))
	l.readStore(spec.child("store"))
	l.readTelemetry(spec.child("telemetry"))
	l.cfg.DataDir = spec.child("data_dir").folder()
	l.readPlugins(spec.child("plugins"))
}

// The bounds of a webhook body. The upper one is the largest message that a plugin takes.
const (
	minBody = 1 << 10
	maxBody = 32 << 20 // half of what a message to a plugin may have
)

func (l *loader) readServer(p place) {
	p.isMapping()
	p.knownKeys()
	l.cfg.Server = Server{
		Host: p.child("host").str(), Port: p.child("port").integer(1, 65535), CORS: p.child("cors").boolean(),
		Timeout:      p.child("timeout_secs").seconds(1),
		MaxBodyBytes: int64(p.child("max_body_bytes").integer(minBody, maxBody)),
	}
	if host := p.child("host"); !isHost(l.cfg.Server.Host) {
		host.errorf("", "%s must be a host name or an IP address", host.key)
	}
	l.cfg.Server.TLSCertFile, l.cfg.Server.TLSKeyFile = serverTLS(p.child("tls"))
}

// serverTLS reads the files of a listener with HTTPS; empty: it has none.
func serverTLS(p place) (certFile, keyFile string) {
	p.isMapping()
	p.knownKeys()
	enabled, cert, key := p.child("enabled"), p.child("cert_file"), p.child("key_file")
	on := enabled.boolean()
	if on || !enabled.given() && (cert.given() || key.given()) {
		return bothFiles(cert, key)
	}
	return "", ""
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([\w.-]*[\w.])?$`)

// isHost tells a host name or an IP address from one with a port, a path, or nothing: that would be all
// interfaces.
func isHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || hostName.MatchString(s)
}

// bothFiles reads two files of which neither is of use without the other.
func bothFiles(cert, key place) (certFile, keyFile string) {
	for _, f := range []place{cert, key} {
		if !f.given() {
			f.errorf("", "%s is required", f.key)
		}
	}
	return cert.file(), key.file()
}

func (l *loader) readRuntime(p place) {
	p.isMapping()
	p.knownKeys()
	l.cfg.Runtime = Runtime{
		MaxConcurrentTasks: p.child("max_concurrent_tasks").integer(1, math.MaxInt),
		MaxPrograms:        p.child("max_programs").integer(1, math.MaxInt),
		MaxTasksPerUser:    p.child("max_tasks_per_user").integer(1, math.MaxInt),
		TaskTimeout:        p.child("task_timeout_secs").seconds(1),
		MaxMessageAge:      p.child("max_message_age_secs").seconds(0),
		MaxMessagesPerHour: p.child("max_messages_per_hour").integer(0, math.MaxInt),
		ProgressAfter:      p.child("progress_after_secs").seconds(0),
		CoalesceWindow:     p.child("coalesce_window_secs").seconds(0),
		DefaultAgent:       p.child("default_agent").str(),
		DefaultModel:       p.child("default_model").str(),
		UnknownCommands:    p.child("unknown_commands").oneOf("reply", "agent"),
	}
	if signal := p.child("signals").oneOf("typing", "read", "none"); signal != "none" {
		l.cfg.Runtime.Signal = chat.Signal(signal)
	}
}

func (l *loader) readDelivery(p place) {
	p.isMapping()
	p.knownKeys()
	l.cfg.Delivery = Delivery{
		MaxAttempts:  p.child("max_attempts").integer(1, 1000),
		MaxAge:       p.child("max_age_secs").seconds(1),
		ExpireAfter:  p.child("expire_after_secs").seconds(0),
		UnknownAfter: p.child("unknown_after_secs").seconds(1),
	}
}

var (
	logLevels  = []string{"debug", "info", "warn", "error"}
	logFormats = []string{"text", "json"}
)

func (l *loader) readSettings(p place) {
	p.isMapping()
	warnUnused(p.knownKeys())
	l.cfg.LogLevel = p.child("log_level").oneOf(logLevels...)
	l.cfg.LogFormat = p.child("log_format").oneOf(logFormats...)
}

func (l *loader) readPlugins(p place) {
	p.isMapping()
	p.knownKeys()
	dir := p.child("directory")
	if path := dir.str(); path != "" {
		if abs, ok := dir.existing(path, true); ok {
			l.cfg.PluginDirs = []string{abs}
			return
		}
	}
	if beside := l.settings.BesideBinary; beside != "" {
		l.cfg.PluginDirs = append(l.cfg.PluginDirs, filepath.Join(beside, "plugins"))
	}
	if here := filepath.Join(l.settings.WorkDir, "plugins"); len(l.cfg.PluginDirs) == 0 || l.cfg.PluginDirs[0] != here {
		l.cfg.PluginDirs = append(l.cfg.PluginDirs, here)
	}
}

// folder returns the absolute path of a folder that need not be there yet.
func (p place) folder() string {
	path := p.str()
	if !p.given() || path == "" {
		return p.l.settings.abs(p.row().Default)
	}
	candidates := p.candidates(path)
	for _, c := range candidates {
		if _, err := os.Stat(c); err == nil {
			return c
		}
	}
	return candidates[0]
}

var platformID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

func (l *loader) readPlatforms(p place) {
	seen := map[string]*yaml.Node{}
	for _, e := range p.entries("<platform>") {
		id := strings.ToLower(e.name)
		switch {
		case !platformID.MatchString(id):
			e.report(SeverityError, e.src.pos(e.at), "", "a platform's name has letters, digits and dashes, and begins with a letter")
		case seen[id] != nil:
			e.report(SeverityError, e.src.pos(e.at), "", "the platform %s is given twice, first in line %d", id, seen[id].Line)
		case e.given() && !e.isMapping():
		case !e.child("enabled").boolean():
			l.disabled[id] = true
		default:
			l.blocks = append(l.blocks, newBlock(id, e.place))
		}
		seen[id] = e.at
	}
}

// override applies the command line.
func (l *loader) override() {
	o, c := l.settings.Overrides, &l.cfg
	if o.Port != 0 {
		c.Server.Port = o.Port
		if o.Port < 1 || o.Port > 65535 {
			l.errorf("", "--port must be a whole number from 1 to 65535")
		}
	}
	if o.Host != "" {
		c.Server.Host = o.Host
		if !isHost(o.Host) {
			l.errorf("", "--host must be a host name or an IP address")
		}
	}
	if o.DataDir != "" {
		c.DataDir = l.settings.abs(o.DataDir)
	}
	if o.PluginsDir != "" {
		c.PluginDirs = []string{l.settings.abs(o.PluginsDir)}
	}
	if o.AdminListen != "" && !o.NoAdmin {
		c.Admin.Listen = o.AdminListen
		l.checkAdmin(func(hint, text string) { l.errorf(hint, "--admin-listen "+text) })
	}
	c.LogLevel = l.overrideWord("--log-level", o.LogLevel, c.LogLevel, logLevels)
	c.LogFormat = l.overrideWord("--log-format", o.LogFormat, c.LogFormat, logFormats)
}

func (l *loader) overrideWord(flag, given, fallback string, words []string) string {
	word := strings.ToLower(given)
	if given == "" {
		return fallback
	}
	for _, w := range words {
		if w == word {
			return w
		}
	}
	l.errorf(didYouMean(word, words), fmt.Sprintf("%s must be one of %s", flag, strings.Join(words, ", ")))
	return fallback
}

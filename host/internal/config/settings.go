package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Settings say what to load and in which surroundings.
type Settings struct {
	Path      string // the DaemonConfig; empty: everything comes from Overrides and defaults
	Overrides Overrides
	// Env looks up an environment variable. Nil: none is set.
	Env func(name string) (string, bool)
	// Strict makes unknown keys errors.
	Strict bool
	// ValidateOnly makes an error of what a daemon would leave out with a warning: an agent that cannot be
	// read and that nobody is routed to.
	ValidateOnly bool
	WorkDir      string // what relative paths are tried against; empty: the process's
	BesideBinary string // folder of the aofd binary; empty: not known
	// Installed tells whether a platform's plugin is in one of some folders. A trigger that brings its own
	// credentials for a platform without a plugin is then inactive. Nil: all are taken to be there.
	Installed func(platform string, dirs []string) bool
}

// Overrides are given on the command line and win over the file. The zero value of a field means not given.
// Relative paths are relative to Settings.WorkDir.
type Overrides struct {
	Port        int
	Host        string
	PluginsDir  string
	DataDir     string
	AgentsDir   string
	TriggersDir string
	LogLevel    string
	LogFormat   string
	AdminListen string
	// NoAdmin leaves out the admin listener, whatever the file says.
	NoAdmin bool
	// Platforms are keys of platforms' blocks with their values, which win over the file; a platform that the
	// file does not have is added. It is how a playground puts its emulators in the place of the real ones.
	Platforms map[string]map[string]string
}

func (s Settings) env(name string) (string, bool) {
	if s.Env == nil {
		return "", false
	}
	return s.Env(name)
}

// withDefaults fills in what depends on the process.
func (s Settings) withDefaults() Settings {
	if s.WorkDir == "" {
		s.WorkDir, _ = os.Getwd() // relative paths then stay relative, which means the same
	}
	if abs, err := filepath.Abs(s.WorkDir); err == nil {
		s.WorkDir = abs
	}
	return s
}

// abs makes a path of the command line absolute.
func (s Settings) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.WorkDir, path)
}

// display is how findings call a file: relative to the working directory when it is below it.
func (s Settings) display(path string) string {
	rel, err := filepath.Rel(s.WorkDir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return path
	}
	return rel
}

// DataDir returns the folder of the daemon's data, for a command that looks at a running daemon. What cannot
// be read counts as not given.
func DataDir(s Settings) string {
	l := newLoader(s)
	l.daemonFile()
	return l.cfg.DataDir
}

// StoreOf reads only the DaemonConfig, for commands about the store: of the result Store and DataDir count. It
// asks for no secrets of platforms.
func StoreOf(s Settings) (*Config, Diagnostics) {
	l := newLoader(s)
	l.daemonFile()
	return &l.cfg, l.diags.Sorted()
}

// LogSettings returns the log level and the log format (text, json or empty) before anything else is loaded,
// so that the findings of Load can be logged. What cannot be read counts as not given: Load reports it.
func LogSettings(s Settings) (slog.Level, string) {
	l := newLoader(s)
	l.daemonFile()
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.cfg.LogLevel)) // only known words get here
	return level, l.cfg.LogFormat
}

// PluginDirs returns the folders of the plugins, whatever else is wrong with the configuration.
func PluginDirs(s Settings) []string {
	l := newLoader(s)
	l.daemonFile()
	return l.cfg.PluginDirs
}

package config

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	s := Settings{BesideBinary: "/opt/aofd"}
	cfg, diags := one(t, s, "")
	hasFindings(t, diags)
	work := filepath.Dir(cfg.DataDir)
	if got, want := cfg.Server, (Server{Host: "127.0.0.1", Port: 8080, Timeout: 30 * time.Second, MaxBodyBytes: 4 << 20}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want := Runtime{
		MaxConcurrentTasks: 1000, MaxPrograms: 64, MaxTasksPerUser: 3, TaskTimeout: 5 * time.Minute,
		MaxMessagesPerHour: 200, ProgressAfter: 10 * time.Second, DefaultAgent: "echo", UnknownCommands: "reply", Signal: chat.SignalTyping,
	}
	if cfg.Runtime != want {
		t.Errorf("%+v, want %+v", cfg.Runtime, want)
	}
	delivery := Delivery{MaxAttempts: 10, MaxAge: 24 * time.Hour, ExpireAfter: 72 * time.Hour, UnknownAfter: 10 * time.Minute}
	if cfg.Delivery != delivery {
		t.Errorf("%+v, want %+v", cfg.Delivery, delivery)
	}
	if cfg.LogLevel != "info" || cfg.LogFormat != "" || cfg.File != "c.yaml" || filepath.Base(cfg.DataDir) != "data" {
		t.Errorf("%+v", cfg)
	}
	if want := []string{"/opt/aofd/plugins", filepath.Join(work, "plugins")}; !slices.Equal(cfg.PluginDirs, want) {
		t.Errorf("%v, want %v", cfg.PluginDirs, want)
	}
	if len(cfg.Agents) != 1 || cfg.Agents[0].Runner() != "exec" || len(cfg.Platforms) != 1 || cfg.Platforms[0].ID != "chatter" {
		t.Errorf("%+v", cfg)
	}
}

func TestDaemonConfigIsRead(t *testing.T) {
	t.Parallel()
	env := environment{"PORT": "3000", "SECS": "7"}
	cfg, diags := load(t, Settings{Env: env.lookup}, map[string]string{
		"agents/echo.yaml": echo, "plug/x": "", "cert.pem": "c", "key.pem": "k",
		"c.yaml": `apiVersion: aof.sh/v1alpha1
kind: DaemonConfig
metadata: {name: harbour, labels: {a: b}, annotations: {c: d}, namespace: e}
spec:
  server:
    host: "::1"
    port: ${PORT:-1}
    timeout_secs: ${SECS}
    max_body_bytes: 2048
    cors: yes
    tls: {enabled: "true", cert_file: cert.pem, key_file: ./key.pem}
  platforms:
    Chatter: {enabled: "on"}
    off: {enabled: no, key: value}
    empty:
  agents: {directory: agents}
  runtime:
    default_agent: ECHO
    default_model: ${MODEL:-some:model}
    max_concurrent_tasks: 4
    max_tasks_per_user: "2"
    task_timeout_secs: 2m
    max_message_age_secs: 1h
    progress_after_secs: 0
    max_messages_per_hour: 30
    unknown_commands: Agent
    max_programs: 3
    coalesce_window_secs: 2
    signals: none
  settings: {log_level: WARN, log_format: json}
  delivery: {max_attempts: 3, max_age_secs: 1h, expire_after_secs: 0, unknown_after_secs: 60}
  data_dir: ${DATA:-state}
  plugins: {directory: plug}
`,
	})
	hasFindings(t, diags)
	work := filepath.Dir(cfg.DataDir)
	server := Server{
		Host: "::1", Port: 3000, Timeout: 7 * time.Second, MaxBodyBytes: 2048, CORS: true,
		TLSCertFile: filepath.Join(work, "cert.pem"), TLSKeyFile: filepath.Join(work, "key.pem"),
	}
	if cfg.Server != server {
		t.Errorf("%+v, want %+v", cfg.Server, server)
	}
	runtime := Runtime{
		MaxConcurrentTasks: 4, MaxPrograms: 3, MaxTasksPerUser: 2, TaskTimeout: 2 * time.Minute, MaxMessageAge: time.Hour,
		MaxMessagesPerHour: 30, DefaultAgent: "echo", DefaultModel: "some:model", UnknownCommands: "agent", CoalesceWindow: 2 * time.Second,
	}
	if cfg.Runtime != runtime {
		t.Errorf("%+v, want %+v", cfg.Runtime, runtime)
	}
	delivery := Delivery{MaxAttempts: 3, MaxAge: time.Hour, UnknownAfter: time.Minute}
	if cfg.Delivery != delivery {
		t.Errorf("%+v, want %+v", cfg.Delivery, delivery)
	}
	if cfg.Name != "harbour" || cfg.LogLevel != "warn" || cfg.LogFormat != "json" || filepath.Base(cfg.DataDir) != "state" ||
		!slices.Equal(cfg.PluginDirs, []string{filepath.Join(work, "plug")}) {
		t.Errorf("%+v", cfg)
	}
	var ids []string
	for _, p := range cfg.Platforms {
		ids = append(ids, p.ID)
	}
	if !slices.Equal(ids, []string{"chatter", "empty"}) {
		t.Errorf("platforms %v", ids)
	}
}

func TestDaemonConfigFindings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ spec, want string }{
		"port":                  {"  server: {port: 0}\n", "c.yaml:5:18: error: spec.server.port must be a whole number from 1 to 65535"},
		"port too large":        {"  server: {port: 65536}\n", "c.yaml:5:18: error: spec.server.port must be a whole number from 1 to 65535"},
		"port is a word":        {"  server: {port: http}\n", "c.yaml:5:18: error: spec.server.port must be a whole number from 1 to 65535"},
		"port is a list":        {"  server: {port: [1]}\n", "c.yaml:5:18: error: spec.server.port must be a single value"},
		"port is a float":       {"  server: {port: 80.0}\n", "c.yaml:5:18: error: spec.server.port must be a whole number from 1 to 65535"},
		"port is not set":       {"  server: {port: \"${PORT}\"}\n", "c.yaml:5:18: error: spec.server.port needs the environment variable PORT, which is not set"},
		"port with a message":   {"  server: {port: \"${PORT:?the usual one}\"}\n", "c.yaml:5:18: error: spec.server.port needs the environment variable PORT, which is not set: the usual one"},
		"nested variable":       {"  server: {host: \"${A:-${B}}\"}\n", "c.yaml:5:18: error: spec.server.host has ${ inside of ${…}, which is not supported"},
		"host with a port":      {"  server: {host: \"127.0.0.1:80\"}\n", "c.yaml:5:18: error: spec.server.host must be a host name or an IP address"},
		"host with a slash":     {"  server: {host: a/b}\n", "c.yaml:5:18: error: spec.server.host must be a host name or an IP address"},
		"host is a URL":         {"  server: {host: \"http://a\"}\n", "c.yaml:5:18: error: spec.server.host must be a host name or an IP address"},
		"empty host is all":     {"  server: {host: \"\"}\n", "c.yaml:5:18: error: spec.server.host must be a host name or an IP address"},
		"nothing behind keys":   {"  server: {host: , port: }\n", ""},
		"body":                  {"  server: {max_body_bytes: 1}\n", "c.yaml:5:28: error: spec.server.max_body_bytes must be a whole number from 1024 to 33554432"},
		"timeout":               {"  server: {timeout_secs: 0}\n", "c.yaml:5:26: error: spec.server.timeout_secs must be seconds or a duration such as 90s or 5m, 1 or more, at most a year"},
		"timeout with no unit":  {"  runtime: {task_timeout_secs: 1.5}\n", "c.yaml:5:32: error: spec.runtime.task_timeout_secs must be seconds or a duration such as 90s or 5m, 1 or more, at most a year"},
		"endless timeout":       {"  runtime: {task_timeout_secs: 99999999999999999999}\n", "c.yaml:5:32: error: spec.runtime.task_timeout_secs must be seconds or a duration such as 90s or 5m, 1 or more, at most a year"},
		"negative age":          {"  runtime: {max_message_age_secs: -5s}\n", "c.yaml:5:35: error: spec.runtime.max_message_age_secs must be seconds or a duration such as 90s or 5m, 0 or more, at most a year"},
		"no tasks":              {"  runtime: {max_concurrent_tasks: 0}\n", "c.yaml:5:35: error: spec.runtime.max_concurrent_tasks must be a whole number of 1 or more"},
		"boolean":               {"  server: {cors: maybe}\n", "c.yaml:5:18: error: spec.server.cors must be true or false"},
		"word":                  {"  settings: {log_level: warning}\n", "c.yaml:5:25: error: spec.settings.log_level must be one of debug, info, warn, error"},
		"format":                {"  settings: {log_format: xml}\n", "c.yaml:5:26: error: spec.settings.log_format must be one of text, json"},
		"who answers":           {"  runtime: {unknown_commands: nobody}\n", "c.yaml:5:31: error: spec.runtime.unknown_commands must be one of reply, agent"},
		"server is a list":      {"  server: [a]\n", "c.yaml:5:11: error: spec.server must be a mapping of keys"},
		"runtime is a word":     {"  runtime: x\n", "c.yaml:5:12: error: spec.runtime must be a mapping of keys"},
		"TLS without files":     {"  server: {tls: {enabled: true}}\n", "c.yaml:5:17: error: spec.server.tls.cert_file is required\nc.yaml:5:17: error: spec.server.tls.key_file is required"},
		"TLS without a key":     {"  server: {tls: {cert_file: c.yaml}}\n", "c.yaml:5:17: error: spec.server.tls.key_file is required"},
		"TLS off":               {"  server: {tls: {enabled: off, cert_file: nowhere.pem}}\n", ""},
		"TLS with a folder":     {"  server: {tls: {cert_file: agents, key_file: c.yaml}}\n", "c.yaml:5:29: error: spec.server.tls.cert_file: $/agents is no regular file"},
		"TLS file is not there": {"  server: {tls: {cert_file: no.pem, key_file: c.yaml}}\n", "c.yaml:5:29: error: spec.server.tls.cert_file: there is no file $/no.pem"},
		"plugins":               {"  plugins: {directory: no}\n", "c.yaml:5:24: error: spec.plugins.directory: there is no directory $/no"},
		"plugins is a file":     {"  plugins: {directory: c.yaml}\n", "c.yaml:5:24: error: spec.plugins.directory: $/c.yaml is no directory"},
		"unknown key":           {"  server: {prot: 1}\n", "c.yaml:5:12: warning: spec.server has no key prot"},
		"unknown key of ours":   {"  plugins: {dir: x}\n", "c.yaml:5:13: error: spec.plugins has no key dir"},
		"unknown block":         {"  serve: {port: 1}\n", "c.yaml:5:3: warning: spec has no key serve"},
		"no space":              {"  server: {port:80}\n", "c.yaml:5:12: warning: spec.server has no key port:***"},
		"not used": {
			"  approval: {allowed_users: [a]}\n  flows: [x]\n  bindings:\n  settings: {metrics: {}, health: {}}\n",
			"c.yaml:5:3: warning: spec.approval is accepted, but not used yet\n" +
				"c.yaml:6:3: warning: spec.flows is accepted, but not used yet\n" +
				"c.yaml:7:3: warning: spec.bindings is accepted, but not used yet\n" +
				"c.yaml:8:14: warning: spec.settings.metrics is accepted, but not used yet\n" +
				"c.yaml:8:27: warning: spec.settings.health is accepted, but not used yet",
		},
		"all at once": {
			"  server: {port: x, cors: y}\n  runtime: {default_agent: ecco, max_tasks_per_user: z}\n",
			"c.yaml:5:18: error: spec.server.port must be a whole number from 1 to 65535\n" +
				"c.yaml:5:27: error: spec.server.cors must be true or false\n" +
				"c.yaml:6:28: error: spec.runtime.default_agent: no agent ecco is loaded\n" +
				"c.yaml:6:54: error: spec.runtime.max_tasks_per_user must be a whole number of 1 or more",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Settings{}
			cfg, diags := one(t, s, test.spec)
			hasFindings(t, within(diags, filepath.Dir(cfg.DataDir)), wanted(test.want)...)
		})
	}
}

// wanted splits findings; none of them are none.
func wanted(want string) []string {
	if want == "" {
		return nil
	}
	return strings.Split(want, "\n")
}

// within writes a folder as $ in findings.
func within(ds Diagnostics, dir string) Diagnostics {
	out := slices.Clone(ds)
	for i := range out {
		out[i].Text = strings.ReplaceAll(out[i].Text, dir, "$")
	}
	return out
}

func TestHints(t *testing.T) {
	t.Parallel()
	_, diags := one(t, Settings{}, "  server: {prot: 1}\n  runtime: {default_agent: ecco}\n  settings: {log_level: inf}\n  plugins: {dirctory: x, x:y}\n")
	var got []string
	for _, d := range diags {
		got = append(got, d.Hint)
	}
	want := []string{"did you mean port?", "did you mean echo?", "did you mean info?", "did you mean directory?", "put a space behind the colon"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q\n%s", got, want, indent(lines(diags)))
	}
}

func TestPlatformBlocks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ platforms, want string }{
		"nobody":         {"{}", "c.yaml:3:14: warning: no platform is enabled, so that no message can come in"},
		"null":           {"", "c.yaml:3:3: warning: no platform is enabled, so that no message can come in"},
		"all off":        {"{a: {enabled: false}}", "c.yaml:3:14: warning: no platform is enabled, so that no message can come in"},
		"off, by a word": {"{a: {enabled: \"${OFF:-off}\"}}", "c.yaml:3:14: warning: no platform is enabled, so that no message can come in"},
		"a list":         {"[a]", "c.yaml:3:14: error: spec.platforms must be a mapping of keys\nc.yaml:3:14: warning: no platform is enabled, so that no message can come in"},
		"a word":         {"{a: on}", "c.yaml:3:14: warning: no platform is enabled, so that no message can come in\nc.yaml:3:18: error: spec.platforms.a must be a mapping of keys"},
		"name":           {"{a b: {}}", "c.yaml:3:14: warning: no platform is enabled, so that no message can come in\nc.yaml:3:15: error: a platform's name has letters, digits and dashes, and begins with a letter"},
		"twice":          {"{a: {}, A: {}}", "c.yaml:3:22: error: the platform a is given twice, first in line 3"},
		"enabled":        {"{a: {enabled: 2}}", "c.yaml:3:28: error: spec.platforms.a.enabled must be true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := load(t, Settings{}, map[string]string{
				"c.yaml": "kind: DaemonConfig\nspec:\n  platforms: " + test.platforms + "\n  agents: {directory: agents}\n",
			})
			hasFindings(t, diags, wanted(test.want)...)
		})
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	o := Overrides{
		Port: 9, Host: "0.0.0.0", PluginsDir: "p", DataDir: "/d", AgentsDir: "more", TriggersDir: "trig",
		LogLevel: "DEBUG", LogFormat: "Text",
	}
	cfg, diags := load(t, Settings{Overrides: o}, map[string]string{
		"more/a.yml":  strings.ReplaceAll(echo, "echo", "other"),
		"trig/t.yaml": "kind: Trigger\nmetadata: {name: t}\nspec: {type: chatter}\n",
		"c.yaml":      "kind: DaemonConfig\nspec:\n" + quiet + "  server: {port: 1, host: a}\n  settings: {log_level: error, log_format: json}\n  data_dir: x\n",
	})
	hasFindings(t, diags)
	if cfg.Server.Port != 9 || cfg.Server.Host != "0.0.0.0" || cfg.DataDir != "/d" || filepath.Base(cfg.PluginDirs[0]) != "p" ||
		cfg.LogLevel != "debug" || cfg.LogFormat != "text" || len(cfg.Triggers) != 1 || cfg.Agents[0].Name != "other" {
		t.Errorf("%+v", cfg)
	}
}

func TestOverridesAreChecked(t *testing.T) {
	t.Parallel()
	o := Overrides{Port: 70000, Host: "a:1", LogLevel: "wran", LogFormat: "x", AgentsDir: "no", TriggersDir: "c.yaml"}
	_, diags := load(t, Settings{Overrides: o}, map[string]string{"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet})
	var got []string
	for _, d := range diags {
		text, _, _ := strings.Cut(d.Text, " /")
		got = append(got, text)
	}
	want := []string{
		"--port must be a whole number from 1 to 65535", "--host must be a host name or an IP address",
		"--log-level must be one of debug, info, warn, error", "--log-format must be one of text, json",
		"--triggers-dir: there is no directory", "--agents-dir: there is no directory", "no agent is loaded",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !diags.HasErrors() || diags.Errors() != len(want) {
		t.Error(diags.Errors())
	}
}

func TestWithoutADaemonConfig(t *testing.T) {
	t.Parallel()
	cfg, diags := load(t, Settings{Overrides: Overrides{AgentsDir: "agents", Port: 5}}, map[string]string{"agents/a.yaml": echo})
	hasFindings(t, diags)
	if cfg.Server.Port != 5 || cfg.Runtime.DefaultAgent != "echo" || cfg.File != "" {
		t.Errorf("%+v", cfg)
	}
	_, diags = Load(Settings{})
	hasFindings(t, diags, "error: no agent is loaded")
}

func TestLogSettings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file   string
		o      Overrides
		level  slog.Level
		format string
	}{
		"nothing":     {"", Overrides{}, slog.LevelInfo, ""},
		"file":        {"kind: DaemonConfig\nspec: {settings: {log_level: error, log_format: json}}\n", Overrides{}, slog.LevelError, "json"},
		"flags":       {"kind: DaemonConfig\nspec: {settings: {log_level: error, log_format: json}}\n", Overrides{LogLevel: "debug", LogFormat: "text"}, slog.LevelDebug, "text"},
		"wrong":       {"kind: DaemonConfig\nspec: {settings: {log_level: loud, log_format: [x]}}\n", Overrides{}, slog.LevelInfo, ""},
		"wrong flags": {"", Overrides{LogLevel: "loud", LogFormat: "loud"}, slog.LevelInfo, ""},
		"broken":      {"kind: [\n", Overrides{LogLevel: "warn"}, slog.LevelWarn, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folderOf(t, map[string]string{"c.yaml": test.file})
			level, format := LogSettings(Settings{WorkDir: dir, Path: "c.yaml", Overrides: test.o})
			if level != test.level || format != test.format {
				t.Errorf("%v %q, want %v %q", level, format, test.level, test.format)
			}
		})
	}
	if level, format := LogSettings(Settings{Path: "/nowhere/c.yaml"}); level != slog.LevelInfo || format != "" {
		t.Error(level, format)
	}
}

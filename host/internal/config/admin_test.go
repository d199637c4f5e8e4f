package config

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

func TestAdminListener(t *testing.T) {
	t.Parallel()
	const token = "sixteen characters and more"
	for _, c := range []struct {
		name, admin, finding string
		want                 Admin
	}{
		{"none", "{}", "", Admin{}},
		{"loopback", `{listen: "127.0.0.1:0"}`, "", Admin{Listen: "127.0.0.1:0"}},
		{"by name", `{listen: "localhost:9090"}`, "", Admin{Listen: "localhost:9090"}},
		{"everybody without a token", `{listen: "0.0.0.0:9090"}`, "needs a token", Admin{}},
		{"another host without a token", `{listen: "bot.example:9090"}`, "needs a token", Admin{}},
		{"everybody in the clear", `{listen: "0.0.0.0:9090", token_env: T}`, "crosses the network", Admin{Listen: "0.0.0.0:9090", Token: token}},
		{"a token in the file", `{listen: "[::1]:9090", token: ` + token + `}`, "", Admin{Listen: "[::1]:9090", Token: token}},
		{"two tokens", `{listen: "[::1]:9090", token: x, token_env: T}`, "both given", Admin{}},
		{"a short token", `{listen: "127.0.0.1:1", token: short}`, "16 characters", Admin{}},
		{"no variable", `{listen: "127.0.0.1:1", token_env: NO}`, "not set", Admin{}},
		{"no port", `{listen: 127.0.0.1}`, "an address and a port", Admin{}},
		{"all interfaces by nothing", `{listen: ":9090", token_env: T}`, "an address and a port", Admin{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg, diags := load(t, Settings{Env: environment{"T": token}.lookup}, map[string]string{
				"a/echo.yaml": echo,
				"c.yaml":      "kind: DaemonConfig\nspec:\n  admin: " + c.admin + "\n  agents: {directory: a}\n  platforms: {chatter: {}}\n",
			})
			var text strings.Builder
			diags.Print(&text, false)
			if c.finding == "" && len(diags) > 0 || !strings.Contains(text.String(), c.finding) || strings.Contains(text.String(), token) {
				t.Errorf("findings: %s", &text)
			}
			if !diags.HasErrors() && cfg.Admin != c.want {
				t.Errorf("%+v", cfg.Admin)
			}
		})
	}
}

// The keys of the command line win over the file's, over variables that are not set, and over triggers'.
func TestKeysOfTheCommandLine(t *testing.T) {
	t.Parallel()
	s := Settings{Overrides: Overrides{NoAdmin: true, Platforms: map[string]map[string]string{
		"chatter": {"token": "test-${token}", "id": "1"}, "added": {"token": "x"}, "off": {"token": "x"},
	}}}
	cfg, diags := load(t, s, map[string]string{
		"a/echo.yaml": echo,
		"c.yaml": `kind: DaemonConfig
spec:
  admin: {listen: "127.0.0.1:1"}
  agents: {directory: a}
  platforms:
    chatter: {token_env: NOT_SET, note: mine}
    off: {enabled: false}
  triggers:
    - {name: t, platform: added, agent: echo}
`,
	})
	hasFindings(t, diags)
	got := map[string]string{}
	schema := json.RawMessage(`{"type":"object","properties":{"token":{"type":"string"},"id":{"type":"string"},"note":{"type":"string"}}}`)
	for _, p := range cfg.Platforms {
		bound, diags := p.Bind(schema)
		hasFindings(t, diags)
		got[p.ID] = string(bound)
	}
	want := map[string]string{"chatter": `{"id":"1","note":"mine","token":"test-${token}"}`, "added": `{"token":"x"}`}
	if !maps.Equal(got, want) || cfg.Admin != (Admin{}) || len(cfg.Triggers) != 1 {
		t.Errorf("%v, %+v, %v", got, cfg.Admin, cfg.Triggers)
	}
}

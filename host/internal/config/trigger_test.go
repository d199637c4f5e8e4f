package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// triggerFile reads one file of triggers beside the agents echo and sonar and the platform chatter.
func triggerFile(t *testing.T, s Settings, text string) (*Config, Diagnostics) {
	t.Helper()
	return load(t, s, map[string]string{
		"agents/a.yaml": echo + "---\n" + named("Sonar"), "t/t.yaml": text,
		"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet + "  triggers: {directory: t}\n  runtime: {default_agent: echo}\n",
	})
}

func TestTriggersWithRules(t *testing.T) {
	t.Parallel()
	cfg, diags := triggerFile(t, Settings{}, `apiVersion: aof.dev/v1alpha1
kind: Trigger
metadata: {name: pier, labels: {a: b}}
spec:
  platform: Chatter
  webhook: {path: /hooks/pier}
  routing:
    rules:
      - match: {text_contains: [Tide, "${NO}", " low "]}
        agent: SONAR
      - match:
          text_contains: wind
        agent: echo
    default_agent: sonar
`)
	hasFindings(t, diags)
	tr := cfg.Triggers[0]
	if tr.Name != "pier" || tr.Platform != "chatter" || tr.WebhookPath != "/hooks/pier" || tr.DefaultAgent != "Sonar" ||
		tr.Pos.String() != "t/t.yaml:3:18" || tr.DefaultPos.String() != "t/t.yaml:14:20" {
		t.Errorf("%+v", tr)
	}
	if len(tr.Rules) != 2 || !slices.Equal(tr.Rules[0].TextContains, []string{"Tide", "${NO}", " low "}) || tr.Rules[0].Agent != "Sonar" ||
		!slices.Equal(tr.Rules[1].TextContains, []string{"wind"}) || tr.Rules[1].Pos.String() != "t/t.yaml:11:9" {
		t.Errorf("%+v", tr.Rules)
	}
}

func TestTriggersWithCommandsAndFilters(t *testing.T) {
	t.Parallel()
	env := environment{"BACKUP": "+1 (415) 555-0123", "PHONE": "42"}
	cfg, diags := triggerFile(t, Settings{Env: env.lookup}, `apiVersion: aof.sh/v1
kind: Trigger
metadata: {name: watch}
spec:
  type: CHATTER
  enabled: "yes"
  config:
    phone_number_id: ${PHONE}
    events: [Message, interactive]
    patterns: ["^(?i)pump\\s", "ok$"]
    allowed_numbers: [14155551234, +49 170 1234567, 0049-170-7654321, "${BACKUP}", "${ABSENT}", DE.13491208, 123456789012345]
    channels: [-1002233445566]
  commands:
    /Depth: {agent: sonar, description: "Costs $5"}
    log: {flow: night}
    drill: {fleet: boats, agent: echo}
    both: {fleet: boats, flow: night}
    /help: {agent: builtin}
    agents: {agent: sonar}
    /STOP: {agent: sonar, description: "Halt"}
    new: {description: "Anew"}
  defaultAgent: sonar
  agent: SONAR
`)
	hasFindings(t, diags,
		"t/t.yaml:11:84: warning: spec.config.allowed_numbers[4] is left out: the environment variable ABSENT is not set",
		"t/t.yaml:15:5: warning: /log needs flow night, which this daemon does not run: users are told so",
		"t/t.yaml:16:5: warning: /drill needs fleet boats, which this daemon does not run: users are told so",
		"t/t.yaml:16:5: warning: /drill is bound more than once: the fleet boats counts",
		"t/t.yaml:17:5: warning: /both needs flow night, which this daemon does not run: users are told so",
		"t/t.yaml:17:5: warning: /both is bound more than once: the flow night counts",
		"t/t.yaml:20:5: warning: /stop is always the daemon's own command; the binding only gives its help text",
	)
	tr := cfg.Triggers[0]
	var got []string
	for _, c := range tr.Commands {
		got = append(got, strings.Join([]string{c.Name, c.Agent, c.NotRun, c.Description}, "|"))
	}
	want := []string{
		"depth|Sonar||Costs $5", "log||flow night|", "drill||fleet boats|", "both||flow night|", "help|builtin||",
		"agents|Sonar||", "stop|builtin||Halt", "new|builtin||Anew",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	f := tr.Filter
	if want := []string{"14155551234", "491701234567", "491707654321", "14155550123", "DE.13491208", "123456789012345"}; !slices.Equal(f.Users, want) {
		t.Errorf("users %q, want %q", f.Users, want)
	}
	if !slices.Equal(f.Events, []string{"message", "interactive"}) || !slices.Equal(f.Channels, []string{"-1002233445566"}) ||
		!slices.Equal(f.Accounts, []string{"42"}) || len(f.Patterns) != 2 || !f.Patterns[0].MatchString("Pump 3") {
		t.Errorf("%+v", f)
	}
	if tr.DefaultAgent != "Sonar" {
		t.Error(tr.DefaultAgent)
	}
}

func TestTriggerFindings(t *testing.T) {
	t.Parallel()
	const path = "t/t.yaml:3:39: error: spec.webhook.path must be a plain path that begins with /"
	inactive := func(why string) string { return "t/t.yaml:2:18: warning: the trigger t is inactive: " + why }
	for name, test := range map[string]struct{ spec, want string }{
		"nothing":             {"", "t/t.yaml:3:1: error: spec is required"},
		"a list":              {"[a]", "t/t.yaml:3:7: error: spec must be a mapping of keys"},
		"no platform":         {"{agent: echo}", "t/t.yaml:3:7: error: spec.platform is required"},
		"empty platform":      {"{type: \"\"}", "t/t.yaml:3:14: error: spec.type is required, and empty"},
		"platform not set":    {"{type: \"${NO}\"}", "t/t.yaml:3:14: error: spec.type needs the environment variable NO, which is not set"},
		"platform is a list":  {"{type: [x]}", "t/t.yaml:3:14: error: spec.type must be a single value"},
		"platform's name":     {"{type: a b}", "t/t.yaml:3:14: error: spec.type must be the name of a platform: letters, digits and dashes"},
		"two platforms":       {"{type: chatter, platform: other}", "t/t.yaml:3:14: error: spec.platform and spec.type name two platforms"},
		"platform, no type":   {"{platform: {config: {a: b}}}", "t/t.yaml:3:7: error: spec.platform is required"},
		"platform mapping":    {"{platform: {type: chatter, conf: x}}", "t/t.yaml:3:34: warning: spec.platform has no key conf"},
		"same platform twice": {"{type: chatter, platform: {type: CHATTER}}", ""},
		"not configured":      {"{type: other}", inactive("platform other is not configured")},
		"off":                 {"{type: chatter, enabled: off, agent: nobody, commands: 5}", ""},
		"on or off":           {"{type: chatter, enabled: perhaps}", "t/t.yaml:3:32: error: spec.enabled must be true or false"},
		"errors of another's": {"{type: other, webhook: {path: x}, agent: nobody}", inactive("platform other is not configured") + "\nt/t.yaml:3:37: warning: spec.webhook.path must be a plain path that begins with /"},
		"unknown key":         {"{type: chatter, comands: {}}", "t/t.yaml:3:23: warning: spec has no key comands"},
		"not used":            {"{type: chatter, parameters: {}, config: {cron: x, port: 1}}", "t/t.yaml:3:23: warning: spec.parameters is accepted, but not used yet\nt/t.yaml:3:48: warning: spec.config.cron is accepted, but not used yet\nt/t.yaml:3:57: warning: spec.config.port is accepted, but not used yet"},
		"not enforced":        {"{type: chatter, config: {guild_ids: [1]}}", inactive("the filter guild_ids is not supported yet")},
		"a key like a row":    {"{type: chatter, config: {<key>: 1}}", ""},

		"agent":                 {"{type: chatter, agent: ecko}", "t/t.yaml:3:30: error: spec.agent: no agent ecko is loaded"},
		"builtin as an agent":   {"{type: chatter, agent: builtin}", "t/t.yaml:3:30: error: spec.agent: no agent builtin is loaded"},
		"two defaults":          {"{type: chatter, default_agent: echo, defaultAgent: sonar}", "t/t.yaml:3:58: error: spec.defaultAgent names another agent than line 3"},
		"two defaults, routing": {"{type: chatter, agent: echo, routing: {defaultAgent: sonar}}", "t/t.yaml:3:30: error: spec.agent names another agent than line 3"},
		"default not set":       {"{type: chatter, agent: \"${NO}\"}", "t/t.yaml:3:30: error: spec.agent needs the environment variable NO, which is not set"},
		"empty default":         {"{type: chatter, agent: \"\"}", ""},
		"routing is a list":     {"{type: chatter, routing: []}", "t/t.yaml:3:32: error: spec.routing must be a mapping of keys"},
		"rules are a mapping":   {"{type: chatter, routing: {rules: {}}}", "t/t.yaml:3:40: error: spec.routing.rules must be a list"},
		"a rule is a word":      {"{type: chatter, routing: {rules: [x, ~]}}", "t/t.yaml:3:41: error: spec.routing.rules[0] must be a mapping of keys\nt/t.yaml:3:44: error: spec.routing.rules[1] is empty"},
		"an empty rule":         {"{type: chatter, routing: {rules: [{}]}}", "t/t.yaml:3:41: error: spec.routing.rules[0].agent is required\nt/t.yaml:3:41: error: spec.routing.rules[0].match.text_contains is required"},
		"no condition":          {"{type: chatter, routing: {rules: [{agent: echo, match: {}}]}}", "t/t.yaml:3:62: error: spec.routing.rules[0].match.text_contains is required"},
		"condition is a word":   {"{type: chatter, routing: {rules: [{agent: echo, match: x}]}}", "t/t.yaml:3:62: error: spec.routing.rules[0].match must be a mapping of keys\nt/t.yaml:3:62: error: spec.routing.rules[0].match.text_contains is required"},
		"unknown condition":     {"{type: chatter, routing: {rules: [{agent: echo, match: {text_contains: x, channel: y}}]}}", "t/t.yaml:3:81: error: spec.routing.rules[0].match has no key channel"},
		"unknown key in a rule": {"{type: chatter, routing: {rules: [{agent: echo, match: {text_contains: x}, agnet: y}]}}", "t/t.yaml:3:82: warning: spec.routing.rules[0] has no key agnet"},
		"no words":              {"{type: chatter, routing: {rules: [{agent: echo, match: {text_contains: []}}]}}", "t/t.yaml:3:78: error: spec.routing.rules[0].match.text_contains is empty, so that the rule never holds"},
		"null words":            {"{type: chatter, routing: {rules: [{agent: echo, match: {text_contains: }}]}}", "t/t.yaml:3:63: error: spec.routing.rules[0].match.text_contains is required"},
		"empty words":           {"{type: chatter, routing: {rules: [{agent: echo, match: {text_contains: [\"\", \" \", ~]}}]}}", "t/t.yaml:3:79: error: spec.routing.rules[0].match.text_contains[0] is required, and empty\nt/t.yaml:3:83: error: spec.routing.rules[0].match.text_contains[1] is required, and empty\nt/t.yaml:3:88: error: spec.routing.rules[0].match.text_contains[2] is required"},
		"empty word":            {"{type: chatter, routing: {rules: [{agent: echo, match: {text_contains: \"\"}}]}}", "t/t.yaml:3:78: error: spec.routing.rules[0].match.text_contains is required, and empty"},
		"rule to nobody":        {"{type: chatter, routing: {rules: [{agent: sonr, match: {text_contains: x}}]}}", "t/t.yaml:3:49: error: spec.routing.rules[0].agent: no agent sonr is loaded"},

		"path":              {"{type: chatter, webhook: {path: hooks}}", path},
		"path with dots":    {"{type: chatter, webhook: {path: /a/../b}}", path},
		"path with a tab":   {"{type: chatter, webhook: {path: \"/a\\tb\"}}", path},
		"path with a line":  {"{type: chatter, webhook: {path: \"/a\\nb\"}}", path},
		"path of patterns":  {"{type: chatter, webhook: {path: \"/{a...}\"}}", path},
		"path with a query": {"{type: chatter, webhook: {path: \"/a?b\"}}", path},
		"path is a URL":     {"{type: chatter, webhook: {path: \"https://a/b\"}}", path},
		"path of ours":      {"{type: chatter, webhook: {path: /metrics}}", "t/t.yaml:3:39: error: spec.webhook.path: /metrics is a path of the daemon's own"},
		"root path":         {"{type: chatter, webhook: {path: /}}", path},
		"two paths":         {"{type: chatter, webhook: {path: /a}, config: {path: /b}}", "t/t.yaml:3:59: error: spec.config.path differs from line 3"},
		"one path twice":    {"{type: chatter, webhook: {path: /a}, config: {path: /a}}", ""},
		"key of webhook":    {"{type: chatter, webhook: {url: /a}}", "t/t.yaml:3:33: warning: spec.webhook has no key url"},
		"another's default": {"{type: other, config: {token: x}, webhook: {path: /webhook/chatter}}", "t/t.yaml:3:57: error: the webhook path /webhook/chatter is that of platform chatter already"},

		"commands are a list":  {"{type: chatter, commands: [a]}", "t/t.yaml:3:33: error: spec.commands must be a mapping of keys"},
		"command is a word":    {"{type: chatter, commands: {a: echo}}", "t/t.yaml:3:37: error: spec.commands.a must be a mapping of keys"},
		"empty command":        {"{type: chatter, commands: {a: }}", "t/t.yaml:3:34: error: spec.commands.a is empty"},
		"command of nothing":   {"{type: chatter, commands: {a: {description: x}}}", "t/t.yaml:3:34: error: spec.commands.a.agent is required"},
		"command's name":       {"{type: chatter, commands: {a b: {agent: echo}, /: {agent: echo}, a/b: {agent: echo}}}", "t/t.yaml:3:34: error: spec.commands.a b is no name of a command\nt/t.yaml:3:54: error: spec.commands./ is no name of a command\nt/t.yaml:3:72: error: spec.commands.a/b is no name of a command"},
		"command twice":        {"{type: chatter, commands: {a: {agent: echo}, /A: {agent: echo}}}", "t/t.yaml:3:52: error: the command /a is bound twice"},
		"command to nobody":    {"{type: chatter, commands: {a: {agent: sonr}}}", "t/t.yaml:3:45: error: spec.commands.a.agent: no agent sonr is loaded"},
		"command to nothing":   {"{type: chatter, commands: {a: {agent: }}}", "t/t.yaml:3:34: error: spec.commands.a.agent is required"},
		"no such builtin":      {"{type: chatter, commands: {hlep: {agent: BUILTIN}}}", "t/t.yaml:3:34: error: there is no built-in command /hlep"},
		"key of a command":     {"{type: chatter, commands: {a: {agent: echo, desc: x}}}", "t/t.yaml:3:51: warning: spec.commands.a has no key desc"},
		"fixed, to a flow":     {"{type: chatter, commands: {deny: {flow: x}}}", "t/t.yaml:3:34: warning: /deny needs flow x, which this daemon does not run: users are told so\nt/t.yaml:3:34: warning: /deny is always the daemon's own command; the binding only gives its help text"},
		"config is a list":     {"{type: chatter, config: [a]}", "t/t.yaml:3:31: error: spec.config must be a mapping of keys"},
		"empty list":           {"{type: chatter, config: {users: []}}", "t/t.yaml:3:39: error: spec.config.users is empty, so that nothing passes"},
		"null list":            {"{type: chatter, config: {allowed_numbers: }}", "t/t.yaml:3:32: error: spec.config.allowed_numbers is empty, so that nothing passes"},
		"a list is a word":     {"{type: chatter, config: {channels: x}}", "t/t.yaml:3:42: error: spec.config.channels must be a list"},
		"all left out":         {"{type: chatter, config: {users: [\"${NO}\"]}}", "t/t.yaml:3:39: error: spec.config.users is empty, so that nothing passes\nt/t.yaml:3:40: warning: spec.config.users[0] is left out: the environment variable NO is not set"},
		"empty entries":        {"{type: chatter, config: {users: [\"\", ~, [x]]}}", "t/t.yaml:3:40: error: spec.config.users[0] is required, and empty\nt/t.yaml:3:44: error: spec.config.users[1] is required\nt/t.yaml:3:47: error: spec.config.users[2] must be a single value"},
		"nested variable":      {"{type: chatter, config: {users: [\"${A:-${B}}\"]}}", "t/t.yaml:3:40: error: spec.config.users[0] has ${ inside of ${…}, which is not supported"},
		"no phone numbers":     {"{type: chatter, config: {allowed_numbers: [0123, 1e10, 0x1F, 12345678901234567, bob, 1.5]}}", "t/t.yaml:3:50: error: spec.config.allowed_numbers[0] is no phone number\nt/t.yaml:3:56: error: spec.config.allowed_numbers[1] is no phone number\nt/t.yaml:3:62: error: spec.config.allowed_numbers[2] is no phone number\nt/t.yaml:3:68: error: spec.config.allowed_numbers[3] is no phone number\nt/t.yaml:3:87: error: spec.config.allowed_numbers[4] is no phone number\nt/t.yaml:3:92: error: spec.config.allowed_numbers[5] is no phone number"},
		"lists without an and": {"{type: chatter, config: {users: [a, b], allowed_users: [c]}}", "t/t.yaml:3:62: error: spec.config.allowed_users has nobody in common with the lists above, so that no message passes"},
		"patterns":             {"{type: chatter, config: {patterns: [\"(\", \"(?=x)\", \"a\"]}}", "t/t.yaml:3:43: error: spec.config.patterns[0] is no regular expression: missing closing )\nt/t.yaml:3:48: error: spec.config.patterns[1] is no regular expression: invalid or unsupported Perl syntax"},
		"kinds of messages":    {"{type: chatter, config: {events: [mesage, push]}}", "t/t.yaml:3:40: warning: spec.config.events: no message has the kind mesage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := triggerFile(t, Settings{}, "kind: Trigger\nmetadata: {name: t}\nspec: "+test.spec+"\n")
			hasFindings(t, diags, wanted(test.want)...)
		})
	}
}

func TestTriggersWithoutAName(t *testing.T) {
	t.Parallel()
	_, diags := triggerFile(t, Settings{}, "kind: Trigger\nname: t\nspec: {type: chatter}\n---\nkind: Trigger\nmetadata: {name: }\nspec: {type: chatter}\n")
	hasFindings(t, diags,
		"t/t.yaml:1:1: error: metadata.name is required",
		"t/t.yaml:2:1: warning: the document has no key name",
		"t/t.yaml:6:12: error: metadata.name is required")
}

// A list of users, and a list of allowed users: who passes is in both.
func TestFiltersAreAnded(t *testing.T) {
	t.Parallel()
	cfg, diags := triggerFile(t, Settings{}, `kind: Trigger
metadata: {name: t}
spec:
  type: chatter
  config: {users: [+49 170 1234567, "4917000001"], allowed_numbers: [491701234567], chat_ids: [a, b], allowed_groups: [b, c]}
`)
	hasFindings(t, diags)
	if f := cfg.Triggers[0].Filter; !slices.Equal(f.Users, []string{"491701234567"}) || !slices.Equal(f.Channels, []string{"b"}) {
		t.Errorf("%+v", f)
	}
}

func TestInlineTriggers(t *testing.T) {
	t.Parallel()
	cfg, diags := load(t, Settings{}, map[string]string{
		"agents/a.yaml": echo + "---\n" + named("sonar"), "more/t.yaml": "kind: Trigger\nmetadata: {name: file}\nspec: {type: chatter, agent: echo}\n",
		"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet + `  triggers:
    - name: one
      type: Chatter
      default_agent: sonar
      config: {channels: [a]}
    - more/t.yaml
    - {name: two, platform: {type: chatter, config: {users: [u], path: /two}}, agent: echo}
    - {type: chatter, agent: echo, kind: x}
    - {name: three, agent: echo}
    - {name: four, type: chatter, agent: nobody}
`,
	})
	hasFindings(t, diags,
		"c.yaml:12:7: error: spec.triggers[3].name is required",
		"c.yaml:12:36: warning: spec.triggers[3] has no key kind",
		"c.yaml:13:7: error: spec.triggers[4].platform is required",
		"c.yaml:14:42: error: spec.triggers[5].agent: no agent nobody is loaded",
	)
	var got []string
	for _, tr := range cfg.Triggers[:3] {
		got = append(got, fmt.Sprint(tr.Name, tr.DefaultAgent, tr.Filter.Channels, tr.Filter.Users, tr.WebhookPath, tr.Pos))
	}
	want := []string{"onesonar[a] []c.yaml:6:13", "twoecho[] [u]/twoc.yaml:11:14", "echo[] []c.yaml:12:7"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Triggers are in the order of files and documents, whatever the order in which they were read.
func TestOrderOfTriggers(t *testing.T) {
	t.Parallel()
	text := func(names ...string) string {
		out := ""
		for _, n := range names {
			out += "---\nkind: Trigger\nmetadata: {name: " + n + "}\nspec: {type: chatter}\n"
		}
		return out
	}
	cfg, diags := load(t, Settings{}, map[string]string{
		"agents/a.yaml": echo + text("z"), "t/b.yaml": text("y", "x"), "t/a.yaml": text("w"),
		"c.yaml": "kind: DaemonConfig\nspec:\n" + quiet + "  triggers: {directory: t}\n" + text("v"),
	})
	hasFindings(t, diags)
	got := ""
	for _, tr := range cfg.Triggers {
		got += tr.Name
	}
	if got != "zvwyx" {
		t.Errorf("%s, want zvwyx", got)
	}
}

func TestWebhookPathsOfTwoPlatforms(t *testing.T) {
	t.Parallel()
	_, diags := load(t, Settings{}, map[string]string{"c.yaml": `kind: DaemonConfig
spec:
  platforms: {a: , b: }
  agents: {directory: agents}
  triggers:
    - {name: t, type: a, webhook: {path: /x}}
    - {name: u, type: a, webhook: {path: /x}}
    - {name: v, type: b, webhook: {path: /x}}
    - {name: w, type: off, webhook: {path: /x}}
    - {name: x, type: b, webhook: {path: /webhook/b}}
    - {name: y, webhook: {path: /x}}
`})
	hasFindings(t, diags,
		"c.yaml:8:42: error: the webhook path /x is that of platform a already",
		"c.yaml:9:14: warning: the trigger w is inactive: platform off is not configured",
		"c.yaml:11:7: error: spec.triggers[5].platform is required")
}

func TestCredentialsOfTriggers(t *testing.T) {
	t.Parallel()
	env := environment{"T": "secret-1", "U": "secret-2"}
	for name, test := range map[string]struct{ platform, config, want string }{
		"the same":               {"{token: a}", "{token: a}", ""},
		"the same, by variables": {"{token_env: T}", "{token: \"${T}\"}", ""},
		"more":                   {"{token: a}", "{secret: b}", ""},
		"nothing":                {"{token: a}", "{token: }", ""},
		"nothing in the block":   {"{token: }", "{token: a}", ""},
		"not set":                {"{token: a}", "{token_env: NO}", ""},
		"the literal counts":     {"{token_env: T, token: a}", "{token: a}", ""},
		"lists":                  {"{people: [a, b]}", "{people: [a, b]}", ""},
		"other lists":            {"{people: [a, b]}", "{people: [a]}", "c.yaml:5:48: error: people differs from the one in c.yaml:3:25"},
		"another":                {"{token: a}", "{token: b}", "c.yaml:5:48: error: token differs from the one in c.yaml:3:25"},
		"another, by variables":  {"{token_env: T}", "{token_env: U}", "c.yaml:5:48: error: token differs from the one in c.yaml:3:25"},
		"another account":        {"{phone_number_id: 1}", "{phone_number_id: 2}", "c.yaml:5:48: error: phone_number_id differs from the one in c.yaml:3:25: it is another account, which the platform's block does not list"},
		"one of several":         {"{token: a, lines: [{phone_number_id: 1}, {phone_number_id: 2, token_env: T}]}", "{phone_number_id: 2, token_env: T}", ""},
		"one of them, its own":   {"{token: a, lines: [{phone_number_id: 2, token: b}]}", "{phone_number_id: 2, token: a}", "c.yaml:5:68: error: token differs from the one in c.yaml:3:64"},
		"one more":               {"{token: a, lines: [{phone_number_id: 2}]}", "{phone_number_id: 3}", ""},
		"any key":                {"{secret-1: a}", "{\"secret-1\": b}", "c.yaml:5:48: error: secret-1 differs from the one in c.yaml:3:25"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := load(t, Settings{Env: env.lookup}, map[string]string{
				"c.yaml": "kind: DaemonConfig\nspec:\n  platforms: {chatter: " + test.platform + "}\n  agents: {directory: agents}\n" +
					"  triggers: [{name: t, type: chatter, config: " + test.config + "}]\n",
			})
			hasFindings(t, diags, wanted(test.want)...)
		})
	}
}

// A trigger may bring all that its platform needs, when there is a plugin.
func TestPlatformsOfTriggers(t *testing.T) {
	t.Parallel()
	files := map[string]string{"c.yaml": `kind: DaemonConfig
spec:
  platforms: {on: {a: b}, off: {enabled: false}}
  agents: {directory: agents}
  triggers:
    - {name: t, type: on, config: {token: x}}
    - {name: u, type: off, config: {token: x}}
    - {name: v, type: brought, config: {token: x}}
    - {name: w, type: brought, config: {token: x, id: y}}
    - {name: x, type: brought}
    - {name: y, type: absent, config: {token: x}}
    - {name: z, type: brought, config: {token: y}}
`}
	asked := map[string]bool{}
	s := Settings{BesideBinary: "/opt", Installed: func(platform string, dirs []string) bool {
		asked[platform] = len(dirs) == 2 && dirs[0] == filepath.FromSlash("/opt/plugins")
		return platform != "absent"
	}}
	cfg, diags := load(t, s, files)
	hasFindings(t, diags,
		"c.yaml:7:14: warning: the trigger u is inactive: platform off is disabled",
		"c.yaml:11:14: warning: the trigger y is inactive: there is no plugin for platform absent",
		"c.yaml:12:41: error: token differs from the one in c.yaml:8:41",
	)
	if len(asked) != 2 || !asked["brought"] || !asked["absent"] {
		t.Error(asked)
	}
	var got []string
	for _, p := range cfg.Platforms {
		got = append(got, fmt.Sprint(p.ID, p.FromTrigger, len(p.pairs), p.Pos))
	}
	if want := []string{"onfalse 2 c.yaml:3:15", "broughttrue 2 c.yaml:8:23"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	_, diags = load(t, Settings{}, files)
	if diags.Errors() != 1 {
		t.Error(lines(diags))
	}
}

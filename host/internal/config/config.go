package config

import (
	"regexp"
	"time"

	"github.com/aof-dev/aofd/sdk/chat"
)

// Config is everything that the operator wrote, checked and with defaults in place.
type Config struct {
	File      string // path of the DaemonConfig; empty when everything came from flags
	Name      string // metadata.name
	Server    Server
	Admin     Admin
	Platforms []Platform // in the order of the file; disabled ones are left out
	Agents    []Agent    // by name
	Triggers  []Trigger  // by file name, then document order; disabled ones are left out
	Runtime   Runtime
	Delivery  Delivery

	Folders []Folder // that agents and triggers were read from
	Files   []string // that were read, absolute

	Store      Store
	Telemetry  Telemetry
	DataDir    string
	PluginDirs []string
	LogLevel   string // debug, info, warn or error
	LogFormat  string // text or json; empty: text on a terminal, else json
}

// Folder is a folder that agents or triggers were read from.
type Folder struct {
	Path  string // absolute
	Watch bool   // changes are to be taken while the daemon runs
}

// Server is the webhook listener.
type Server struct {
	Host         string
	Port         int
	Timeout      time.Duration // of reading a request and of writing the answer
	MaxBodyBytes int64
	CORS         bool
	TLSCertFile  string // both or neither
	TLSKeyFile   string
}

// Admin is the listener of the admin API and the console, for browsers and for other machines. The admin
// socket is there without it.
type Admin struct {
	Listen      string // host:port, port 0 takes a free one; empty: there is no listener
	Token       string // what callers must know; empty, on the loopback only: nothing
	TLSCertFile string // both or neither
	TLSKeyFile  string
}

// Store is where messages are kept.
type Store struct {
	URL      string // postgres://…, with secrets; empty: a file in the data directory
	Schema   string // of PostgreSQL
	Interval bool   // answer before a commit is on disk
	// What may wait in the inbox, and in the outbox.
	MaxPendingMessages      int
	MaxPendingBytes         int64
	MaxPendingDeliveries    int
	MaxPendingDeliveryBytes int64
	// How long what is settled is kept.
	IDs, Ledger, Bodies, Trace, History time.Duration
}

// Delivery says how long answers are tried.
type Delivery struct {
	MaxAttempts  int
	MaxAge       time.Duration // of an answer that cannot be sent
	ExpireAfter  time.Duration // when an answer is of no use any more; 0: never
	UnknownAfter time.Duration // until the operator is told that nobody knows whether one arrived
}

// Runtime bounds what agents may do.
type Runtime struct {
	MaxConcurrentTasks int
	MaxPrograms        int // of exec agents, at the same time
	MaxTasksPerUser    int
	TaskTimeout        time.Duration
	MaxMessageAge      time.Duration // 0: no limit
	MaxMessagesPerHour int           // of one sender in one chat; 0: any number
	ProgressAfter      time.Duration // 0: never
	DefaultAgent       string        // name of a loaded agent; empty: none
	DefaultModel       string
	UnknownCommands    string        // "reply" or "agent": who answers /x that nobody bound
	CoalesceWindow     time.Duration // in which messages of one sender are answered together; 0: never
	Signal             chat.Signal   // what a sender sees while an agent works; empty: nothing
}

// Platform is one enabled block of spec.platforms, the credentials of triggers, or both. Its keys belong to
// the plugin of that name and are bound with Bind.
type Platform struct {
	ID          string
	Pos         Pos
	FromTrigger bool // no block of spec.platforms is about it

	pairs  []pair
	env    func(string) (string, bool)
	strict bool
}

// Agent is one kind: Agent document. Exactly one of Exec, HTTP and GRPC is set, or none: such an agent
// needs a model runtime.
type Agent struct {
	Name        string
	Description string
	Pos         Pos
	Dir         string // of the file: relative commands resolve against it
	Model       string // as written
	// Instructions are what a model is told first.
	Instructions string
	Exec         *Exec
	HTTP         *HTTP
	GRPC         *GRPC
	// MaxContextMessages is how much history a run gets; 0: none.
	MaxContextMessages int
	Vars               map[string]string
}

// Runner names what runs the agent: exec, http, grpc or model.
func (a Agent) Runner() string {
	switch {
	case a.Exec != nil:
		return "exec"
	case a.HTTP != nil:
		return "http"
	case a.GRPC != nil:
		return "grpc"
	}
	return "model"
}

// Exec runs a program for each message.
type Exec struct {
	Command []string // argv; a relative program with a slash resolves against the agent file's folder
	Dir     string   // working directory, absolute
	Env     map[string]string
	Timeout time.Duration // 0: the runtime's
}

// HTTP posts each message to a URL.
type HTTP struct {
	URL     string
	Headers map[string]string
	Timeout time.Duration // 0: the runtime's
}

// GRPC calls a server of aof.agent.v1.
type GRPC struct {
	Address string // host:port or unix:/path
	TLS     *GRPCTLS
	Timeout time.Duration // 0: the runtime's
}

// GRPCTLS is how an agent's server is trusted. Nil means plaintext, allowed on loopback and unix sockets
// only.
type GRPCTLS struct {
	CAFile, CertFile, KeyFile string // empty: the system's roots; no client certificate
	ServerName                string
}

// Trigger routes the messages of one platform.
type Trigger struct {
	Name         string
	Pos          Pos
	Platform     string // lower case
	WebhookPath  string // empty: only /webhook/<platform>
	DefaultAgent string
	DefaultPos   Pos // of the default agent
	Rules        []Rule
	Commands     []Command
	Filter       Filter
}

// Rule sends messages that contain one of the words to an agent.
type Rule struct {
	TextContains []string // any of; compared with case folded
	Agent        string
	Pos          Pos
}

// Command binds a slash command.
type Command struct {
	Name        string // without the slash, lower case
	Agent       string // "builtin": the host's own command of this name
	NotRun      string // "flow x" or "fleet y" when bound to something that this daemon does not run
	Description string
	Pos         Pos
}

// Filter says which messages a trigger is for; what is empty lets everything through.
type Filter struct {
	Events   []string         // message, interactive
	Patterns []*regexp.Regexp // any of, over the text
	Users    []string         // normalised ids; any alias matches
	Channels []string
	// Accounts are the platform identities that the trigger's own config names, such as
	// phone_number_id.
	Accounts []string
}

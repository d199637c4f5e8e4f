package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// Settings are what the commands need of the platform's configuration.
type Settings struct {
	Numbers      []Number // one at least
	AccountID    string   // of the WhatsApp Business account; empty: found out by the token
	VerifyTokens []string
	AppSecrets   []string
	Version      string
	BaseURL      string
}

// Number is a phone number.
type Number struct {
	ID    string // Meta's
	Token string
	Rate  int // messages a second, as configured
}

// Streams are where the commands read and write.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it ran, and something is wrong or was refused
	exitUsage  = 2 // the command line or the configuration is wrong; nothing was done
)

// Commands are the names of all commands, with a line for the help of each.
func Commands() map[string]string {
	out := map[string]string{}
	for _, c := range (&tool{}).root().Commands() {
		out[c.Name()] = c.Short
	}
	return out
}

// Run executes one command and returns the exit code. configured is called when the command needs the
// configuration; its error says what is wrong with that.
func Run(ctx context.Context, configured func() (Settings, error), args []string, s Streams) int {
	t := &tool{configured: configured, streams: s}
	root := t.root()
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	usage := new(usageError)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errTold):
		return exitFailed
	case errors.As(err, &usage), !t.began:
		fmt.Fprintf(s.Err, "error: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(s.Err, "error: %v\n", err)
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Hint != "" {
		fmt.Fprintf(s.Err, "  fix: %s\n", e.Hint)
	}
	return exitFailed
}

// errTold ends a command whose output says already what is wrong.
var errTold = errors.New("something is wrong")

// usageError is a command line or a configuration that cannot be used.
type usageError struct{ error }

func badUsage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// tool is one run of a command.
type tool struct {
	configured func() (Settings, error)
	streams    Streams
	began      bool // the command line was understood

	Settings
	json    bool
	chosen  string // phone number id
	account string // WhatsApp Business account
}

func (t *tool) root() *cobra.Command {
	root := &cobra.Command{
		Use: "aof-platform-whatsapp", SilenceUsage: true, SilenceErrors: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.AddCommand(t.doctor(), t.subscribe(), t.templates(), t.profile(), t.media())
	return root
}

// command makes a command that needs the configuration.
func (t *tool) command(use, short, long string, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: args}
	format := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.Flags().StringVar(&t.chosen, "number", "", "phone number id (default: the first one that is configured)")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if *format != "text" && *format != "json" {
			return badUsage("--output must be text or json")
		}
		t.json = *format == "json"
		if t.Settings, err = t.configured(); err != nil {
			return &usageError{err}
		}
		t.began = true
		return run(cmd.Context(), args)
	}
	return cmd
}

// group makes a command that only has commands.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return badUsage("say what to do: see %s --help", cmd.CommandPath())
	}}
	cmd.AddCommand(commands...)
	return cmd
}

// number is the phone number that a command is about.
func (t *tool) number() (Number, error) {
	for _, n := range t.Numbers {
		if t.chosen == "" || n.ID == t.chosen {
			return n, nil
		}
	}
	return Number{}, badUsage("--number %s is no phone number id of the configuration", t.chosen)
}

func (t *tool) client(n Number) *graph.Client {
	return graph.New(graph.Settings{BaseURL: t.BaseURL, Version: t.Version, PhoneNumberID: n.ID, Token: n.Token})
}

// onNumber does something about the number that a command is about, and on the way to Meta with its token.
func (t *tool) onNumber(do func(Number, *graph.Client) error) error {
	n, err := t.number()
	if err != nil {
		return err
	}
	api := t.client(n)
	defer api.Close()
	return do(n, api)
}

// onAccount does something about the WhatsApp account that a command is about.
func (t *tool) onAccount(ctx context.Context, do func(account string, api *graph.Client) error) error {
	return t.onNumber(func(n Number, api *graph.Client) error {
		account, err := t.accountID(ctx, n, api)
		if err != nil {
			return err
		}
		return do(account, api)
	})
}

// change has Meta change something, and makes sure that it says so.
func change(ctx context.Context, api *graph.Client, method, path string, query url.Values, body any) error {
	var done struct {
		Success bool `json:"success"`
	}
	if _, err := api.Ask(ctx, method, path, query, body, &done); err != nil {
		return err
	}
	if !done.Success {
		return &chat.Error{Reason: chat.ReasonUpstreamError, Text: "Meta took the call and did not do it"}
	}
	return nil
}

// print writes an answer: as JSON if that is asked for, else with text.
func (t *tool) print(v any, text func(io.Writer)) error {
	if !t.json {
		w := tabwriter.NewWriter(t.streams.Out, 0, 4, 2, ' ', 0)
		text(w)
		return w.Flush()
	}
	e := json.NewEncoder(t.streams.Out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// plain makes a word of Meta's one that people read, and an empty one a dash.
func plain(s string) string {
	if s == "" {
		return "-"
	}
	return strings.ToLower(s)
}

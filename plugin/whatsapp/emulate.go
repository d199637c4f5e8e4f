package whatsapp

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
)

const emulateUsage = `aof-platform-whatsapp emulate stands in for Meta's Graph API and for a phone, so that a daemon can be
tried without an account. Point platforms.whatsapp.api_base_url of the daemon to it, and open the phone
page, whose address it prints.

Type as the user by hand on the page, or from a script:

    curl -H 'Content-Type: application/json' -d '{"from":"4915112345678","type":"text","text":"hello"}' \
      http://127.0.0.1:4004/_emulator/send
    curl 'http://127.0.0.1:4004/_emulator/chat?user=4915112345678'

The same interface makes people and groups, sends files, moves the clock past the 24-hour window, and lets
webhooks and calls fail: see plugin/whatsapp/internal/emulator/API.md. "emulate run <file>..." plays
scenario files: see emulate run --help.

It listens on the loopback interface only, unless --control-token says otherwise. Use made-up secrets: the
ones below are well known.

`

// emulate is the subcommand "emulate".
func emulate(ctx context.Context, args []string) int {
	return runEmulate(ctx, args, os.Stdout, os.Stderr)
}

func runEmulate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "run" {
		return runScenarios(ctx, args[1:], stdout, stderr)
	}
	s := emulator.Defaults()
	flags := emulateFlags("emulate", emulateUsage, &s, stderr)
	lines := flags.Bool("json", false, "print one JSON object a line: first where it is and how to use it, then the handshake; end when a pipe on stdin does")
	if code, ok := parseFlags(flags, args, stdout); !ok {
		return code
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "aof-platform-whatsapp emulate: %q is no flag: see --help\n", flags.Arg(0))
		return 2
	}
	var report emulator.Report = emulator.Words{Out: stdout, Webhook: s.Webhook}
	if *lines { // a program started it, and is to take it along whatever ends that
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
			go func() {
				_, _ = io.Copy(io.Discard, os.Stdin) // whatever ends it, the other side is gone
				cancel()
			}()
		}
		report = emulator.Lines{Out: stdout, Config: map[string]string{
			"phone_number_id": s.PhoneNumberID, "access_token": s.AccessToken, "verify_token": s.VerifyToken,
			"app_secret": s.AppSecret,
		}}
	}
	if err := emulator.New(s).Run(ctx, report); err != nil {
		fmt.Fprintf(stderr, "aof-platform-whatsapp emulate: %v\n", err)
		return 1
	}
	return 0
}

// emulateFlags are those of what the emulator is.
func emulateFlags(name, usage string, s *emulator.Settings, stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		if flags.Output() == stderr {
			fmt.Fprintf(stderr, "see aof-platform-whatsapp %s --help\n", name)
			return
		}
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&s.Listen, "listen", s.Listen, "`address` of the Graph API and the phone page; loopback only, unless there is a control token")
	flags.StringVar(&s.ControlToken, "control-token", "", "`token` that the control API and the page want, on any interface")
	flags.StringVar(&s.Webhook, "webhook", s.Webhook, "`address` of the daemon's webhook")
	flags.StringVar(&s.PhoneNumberID, "phone-number-id", s.PhoneNumberID, "`id` of the business's number")
	flags.StringVar(&s.DisplayNumber, "display-number", s.DisplayNumber, "`number` of the business, in digits")
	flags.StringVar(&s.AccountID, "account-id", s.AccountID, "`id` of the WhatsApp Business account")
	flags.StringVar(&s.AccessToken, "access-token", s.AccessToken, "`token` that the daemon sends")
	flags.StringVar(&s.VerifyToken, "verify-token", s.VerifyToken, "`token` of the webhook's handshake")
	flags.StringVar(&s.AppSecret, "app-secret", s.AppSecret, "`secret` that signs the webhooks")
	flags.StringVar(&s.User, "user", s.User, "`number` that the phone page shows first")
	flags.StringVar(&s.UserName, "user-name", s.UserName, "profile `name` of the phone")
	flags.DurationVar(&s.StatusDelay, "status-delay", s.StatusDelay, "`time` before each of sent, delivered and read")
	flags.StringVar(&s.Window, "window", s.Window, "`how` messages end that come outside of the 24 hours: async, sync, or off for none of that")
	flags.IntVar(&s.Tries, "tries", s.Tries, "`number` of times that a webhook is posted at most; 0 is for a week")
	flags.IntVar(&s.History, "history", s.History, "`number` of messages that are kept")
	flags.Uint64Var(&s.Seed, "seed", s.Seed, "`number` that ids and faults follow from; 0 draws one")
	return flags
}

// parseFlags reads the arguments; ok is false when there is nothing left to do but to end with the code.
func parseFlags(flags *flag.FlagSet, args []string, stdout io.Writer) (code int, ok bool) {
	for _, a := range args {
		if a == "-h" || a == "-help" || a == "--help" {
			flags.SetOutput(stdout) // help that was asked for is no complaint
		}
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0, false
	case err != nil:
		return 2, false // the flag package has said why
	}
	return 0, true
}

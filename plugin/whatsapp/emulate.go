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

Taps are {"from", "type": "button_reply" or "list_reply", "id", "title", "context": the id of the message}.

It listens on the loopback interface only. Use made-up secrets: the ones below are well known.

`

// emulate is the subcommand "emulate".
func emulate(ctx context.Context, args []string) int {
	return runEmulate(ctx, args, os.Stdout, os.Stderr)
}

func runEmulate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := emulateSettings(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // the flag package has said why
	}
	if err := emulator.New(s).Run(ctx, stdout); err != nil {
		fmt.Fprintf(stderr, "aof-platform-whatsapp emulate: %v\n", err)
		return 1
	}
	return 0
}

func emulateSettings(args []string, stdout, stderr io.Writer) (emulator.Settings, error) {
	s := emulator.Defaults()
	flags := flag.NewFlagSet("emulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprintln(flags.Output(), "see aof-platform-whatsapp emulate --help") }
	flags.StringVar(&s.Listen, "listen", s.Listen, "`address` of the Graph API and the phone page; loopback only")
	flags.StringVar(&s.Webhook, "webhook", s.Webhook, "`address` of the daemon's webhook")
	flags.StringVar(&s.PhoneNumberID, "phone-number-id", s.PhoneNumberID, "`id` of the business's number")
	flags.StringVar(&s.AccessToken, "access-token", s.AccessToken, "`token` that the daemon sends")
	flags.StringVar(&s.VerifyToken, "verify-token", s.VerifyToken, "`token` of the webhook's handshake")
	flags.StringVar(&s.AppSecret, "app-secret", s.AppSecret, "`secret` that signs the webhooks")
	flags.StringVar(&s.User, "user", s.User, "`number` that the phone page shows first")
	flags.StringVar(&s.UserName, "user-name", s.UserName, "profile `name` of the phone")
	flags.DurationVar(&s.StatusDelay, "status-delay", s.StatusDelay, "`time` before each of sent, delivered and read")
	flags.IntVar(&s.Tries, "tries", s.Tries, "`number` of times that a webhook is posted at most")
	for _, a := range args {
		if a == "-h" || a == "-help" || a == "--help" {
			flags.SetOutput(stdout) // help that was asked for is no complaint
			flags.Usage = func() {
				fmt.Fprint(stdout, emulateUsage)
				flags.PrintDefaults()
			}
		}
	}
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "aof-platform-whatsapp emulate: %q is no flag: see --help\n", flags.Arg(0))
		return s, errors.New("arguments left")
	}
	return s, nil
}

package whatsapp

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/scenario"
)

const runUsage = `aof-platform-whatsapp emulate run <file>... runs scenarios against whatever receives the webhooks: it starts the
emulator, waits until the webhook's handshake is done, and plays each file from a clean state. Point the API
of your bot to --listen before. It ends with 0 when all passed, 1 when some failed, 2 when nothing could run.

    name: A greeting is answered
    people:
      ana: {phone: "4915112345678"}
    steps:
      - {do: send, from: ana, text: hello}
      - {expect: message, to: ana, text: ~ hello}

All steps are in examples/scenarios.

`

// runScenarios is "emulate run".
func runScenarios(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := emulator.Defaults()
	flags := emulateFlags("emulate run", runUsage, &s, stderr)
	connect := flags.String("connect", "", "`address` of an emulator that runs already, such as http://127.0.0.1:4004; it loses its state")
	asJSON := flags.Bool("json", false, "print the report as JSON")
	junit := flags.String("junit", "", "`file` for the report as JUnit XML")
	ready := flags.Duration("ready", 30*time.Second, "`time` that the receiver of the webhooks may take until its handshake")
	if code, ok := parseFlags(flags, args, stdout); !ok {
		return code
	}
	all, err := load(flags)
	if err == nil {
		var report *scenario.Report
		if report, err = play(ctx, s, *connect, *ready, all, progress(stdout, *asJSON)); err == nil {
			err = errors.Join(publish(report, stdout, *asJSON), writeJUnit(report, *junit))
		}
		if err == nil && report.Failed > 0 {
			return 1
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "aof-platform-whatsapp emulate run: %v\n", err)
		return 2
	}
	return 0
}

func load(flags *flag.FlagSet) (all []*scenario.Scenario, err error) {
	if flags.NArg() == 0 {
		return nil, errors.New("which files? see --help")
	}
	for _, path := range flags.Args() {
		some, err := scenario.Load(path)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// progress prints each result as it comes, unless the report is for a program.
func progress(stdout io.Writer, quiet bool) func(scenario.Result) {
	if quiet {
		return func(scenario.Result) {}
	}
	return func(r scenario.Result) { r.Print(stdout) }
}

// play starts an emulator, unless there is one, and runs all scenarios.
func play(ctx context.Context, s emulator.Settings, address string, ready time.Duration, all []*scenario.Scenario, tell func(scenario.Result)) (*scenario.Report, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if address == "" {
		started := &starting{address: make(chan string, 1)}
		ended := make(chan error, 1)
		go func() { ended <- emulator.New(s).Run(ctx, started) }()
		defer func() {
			stop()
			<-ended
		}()
		select {
		case address = <-started.address:
		case err := <-ended:
			ended <- nil
			return nil, err
		}
	}
	client := &scenario.Client{Address: address, Token: s.ControlToken}
	defer client.HTTP.CloseIdleConnections()
	limit, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	if err := client.Ready(limit); err != nil {
		return nil, err
	}
	report := &scenario.Report{}
	for _, one := range all {
		result := client.Run(ctx, one)
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		report.Add(result)
		tell(result)
	}
	return report, nil
}

// starting waits for the address of the emulator.
type starting struct{ address chan string }

func (s *starting) Ready(address string) { s.address <- address }

func (s *starting) Handshake(string, string) {} // the client asks for itself

func publish(r *scenario.Report, stdout io.Writer, asJSON bool) error {
	if asJSON {
		return r.JSON(stdout)
	}
	_, err := fmt.Fprintf(stdout, "%d passed, %d failed\n", r.Passed, r.Failed)
	return err
}

func writeJUnit(r *scenario.Report, path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return errors.Join(r.JUnit(f), f.Close())
}

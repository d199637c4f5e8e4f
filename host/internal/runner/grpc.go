package runner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/aof-dev/aofd/host/internal/config"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/wire"
)

// server calls an agent that is a server of aof.agent.v1.
type server struct {
	conn   *grpc.ClientConn
	client *wire.AgentClient
}

// newServer prepares the connection; it is not made before the first run.
func newServer(c config.GRPC) (*server, error) {
	creds, err := credentialsOf(c.TLS)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(c.Address, append(wire.DialOptions(maxOutput), grpc.WithTransportCredentials(creds))...)
	if err != nil {
		return nil, fmt.Errorf("grpc.address: %w", err)
	}
	return &server{conn: conn, client: wire.NewAgentClient(conn)}, nil
}

func credentialsOf(t *config.GRPCTLS) (credentials.TransportCredentials, error) {
	if t == nil {
		return insecure.NewCredentials(), nil
	}
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("grpc.tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("grpc.tls.ca_file: %s has no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("grpc.tls.cert_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(c), nil
}

// Check implements Runner. Nobody is asked: a server may come and go.
func (*server) Check() error { return nil }

// Close implements Runner.
func (s *server) Close() error { return s.conn.Close() }

func (s *server) run(ctx context.Context, r chat.Run, emit func(chat.Event)) (chat.Event, error) {
	a := &answer{emit: emit, events: true} // size counts the texts; the connection bounds each event
	err := s.client.Handle(ctx, r, func(e chat.Event) error {
		switch {
		case e.Delta != nil:
			a.size += len(e.Delta.Text)
		case e.Partial != nil:
			a.size += len(e.Partial.Response.Text)
		}
		if a.size > maxOutput {
			return failed(codeTooLarge, "the agent's answer has more than %d bytes", maxOutput)
		}
		return a.event(e)
	})
	if err != nil && !a.end.Terminal() {
		if e, ok := errors.AsType[*chat.Error](err); ok && e.Reason == chat.ReasonInternal && e.Text == "" {
			return chat.Event{}, failed(codeStart, "the agent's server failed")
		}
		return chat.Event{}, err
	}
	return a.last()
}

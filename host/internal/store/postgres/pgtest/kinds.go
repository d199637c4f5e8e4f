package pgtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Secure starts a server that only this test uses: at address, on the loopback, it takes TLS alone, with a certificate
// for "localhost", and wants the password. ca is a file with the certificate to trust.
func Secure(t testing.TB, password string) (address, ca string) {
	t.Helper()
	s, err := New()
	need(t, err)
	t.Cleanup(func() { remove(t, s) })
	if s.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	ca, cert, key := Certificate(t, s.dir)
	s.own(t, cert)
	s.own(t, key)
	const rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Start("listen_addresses=127.0.0.1", "ssl=on", "ssl_cert_file="+cert, "ssl_key_file="+key); err != nil {
		t.Fatal(err)
	}
	if err := s.exec(t.Context(), "ALTER ROLE aofd PASSWORD '"+password+"'"); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("localhost", s.port), ca
}

// Standby returns a running replica of a server.
func Standby(t testing.TB, primary *Server) *Server {
	t.Helper()
	s, err := bare()
	need(t, err)
	t.Cleanup(func() { remove(t, s) })
	copied := s.command("pg_basebackup", "--pgdata", s.data(), "--host", primary.dir, "--username", "aofd", "--write-recovery-conf",
		"--checkpoint", "fast", "--no-sync")
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func remove(t testing.TB, s *Server) {
	if err := s.Remove(); err != nil {
		t.Error(err)
	}
}

// own gives a file to whom the server runs as.
func (s *Server) own(t testing.TB, path string) {
	t.Helper()
	if s.user == nil {
		return
	}
	if err := os.Chown(path, int(s.user.Uid), int(s.user.Gid)); err != nil {
		t.Fatal(err)
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", err
	}
	return port, l.Close()
}

// Certificate makes a certificate for "localhost", with its key, and the authority that signed it, as files in dir.
func Certificate(t testing.TB, dir string) (ca, cert, key string) {
	t.Helper()
	authority := template("a test's authority")
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	signer, leaf := newKey(t), newKey(t)
	server := template("localhost")
	server.DNSNames = []string{"localhost"}
	write := func(name, kind string, der []byte, err error) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, signer.Public(), signer)
	ca = write("ca.pem", "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, server, authority, leaf.Public(), signer)
	cert = write("server.pem", "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(leaf)
	return ca, cert, write("server.key", "PRIVATE KEY", der, err)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"
)

// serverName is the name in every certificate.
const serverName = "localhost"

// keyLife is how long a pair of certificates is valid. They are made anew for each start of a plugin; a
// process that runs longer keeps its connection.
const keyLife = 10 * 365 * 24 * time.Hour

// Keys are the certificates and keys of one plugin process, in PEM. The host keeps the client's half and
// hands the server's half to the plugin, so that no plugin needs code for certificates. They are of P-256,
// which every TLS library takes.
type Keys struct {
	ServerCert, ServerKey []byte
	ClientCert, ClientKey []byte
}

// IssueKeys makes keys for one start of a plugin.
func IssueKeys() (k Keys, err error) {
	if k.ServerCert, k.ServerKey, err = issue(); err != nil {
		return Keys{}, fmt.Errorf("issue the plugin's certificate: %w", err)
	}
	if k.ClientCert, k.ClientKey, err = issue(); err != nil {
		return Keys{}, fmt.Errorf("issue the host's certificate: %w", err)
	}
	return k, nil
}

func issue() (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(keyLife),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// ClientTLS returns the host's side: it trusts exactly the plugin's certificate.
func (k Keys) ClientTLS() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(k.ClientCert, k.ClientKey)
	if err != nil {
		return nil, fmt.Errorf("the host's certificate: %w", err)
	}
	roots, err := pool(k.ServerCert)
	if err != nil {
		return nil, fmt.Errorf("the plugin's certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: serverName, MinVersion: tls.VersionTLS13,
	}, nil
}

// ServerTLS returns the plugin's side from the files that the host named: it takes exactly one client
// certificate.
func ServerTLS(certFile, keyFile, clientCAFile string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("load the certificate that the host issued: %w", err)
	}
	pemBytes, err := os.ReadFile(clientCAFile)
	if err != nil {
		return nil, fmt.Errorf("load the host's certificate: %w", err)
	}
	clients, err := pool(pemBytes)
	if err != nil {
		return nil, fmt.Errorf("load the host's certificate %s: %w", clientCAFile, err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
	}, nil
}

func pool(certPEM []byte) (*x509.CertPool, error) {
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(certPEM) {
		return nil, errors.New("no certificate in PEM")
	}
	return p, nil
}

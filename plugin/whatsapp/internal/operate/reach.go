package operate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
)

// plainError is an error without the address, which has the verify token in it.
func plainError(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return err.Error()
}

// fixReach says what to do about a webhook that cannot be reached.
func fixReach(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "use a certificate of a public authority, with the whole chain: Meta takes no other"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "use a certificate for the name in the address"
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return "renew the certificate"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "serve https at this address"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "look at the name in the address and at its DNS record"
	}
	return "start aofd and the reverse proxy, and open the port to the internet; if Meta can reach it and this machine cannot, give --webhook"
}

package config

import "net/url"

// Telemetry is where traces go.
type Telemetry struct {
	OTLPEndpoint string // URL; empty: what the environment says
}

func (l *loader) readTelemetry(p place) {
	p.isMapping()
	p.knownKeys()
	endpoint := p.child("otlp_endpoint")
	l.cfg.Telemetry.OTLPEndpoint = endpoint.str()
	if e := l.cfg.Telemetry.OTLPEndpoint; e != "" {
		if u, err := url.Parse(e); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			endpoint.errorf("such as http://127.0.0.1:4318, where a collector takes OTLP over HTTP", "%s must be an http or https URL", endpoint.key)
		}
	}
}

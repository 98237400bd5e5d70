package main

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/worker/config"
)

// certificate reads the certificate of what is exposed at a port of this machine; nil is none. Its
// errors are config.ErrInvalid.
func certificate(c *config.Config) (*tls.Certificate, error) {
	if c.LivelogCertificate == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.LivelogCertificate, c.LivelogKey)
	if err != nil {
		return nil, fmt.Errorf("%w: livelogCertificate and livelogKey must be files with a certificate and its key, in PEM: %w", config.ErrInvalid, err)
	}
	return &pair, nil
}

// exposer makes a feature reachable: through the websocktunnel server where one is configured, else
// at the port listen of this machine, where 0 is any free one. number tells the feature's tunnel from
// the worker's other ones; it is the port that the public program would have for it.
func (p parts) exposer(number, listen uint16) expose.Exposer {
	c := p.config
	if c.WSTServerURL == "" {
		return expose.Local{PublicIP: c.PublicIP, Port: listen, Certificate: p.certificate, Logger: p.logger}
	}
	id := fmt.Sprintf("%s.%s.%d", c.WorkerGroup, c.WorkerID, number)
	return expose.Tunnel{
		Server: c.WSTServerURL, ID: id, Logger: p.logger,
		Token: func(ctx context.Context) (secret.String, error) {
			return p.client.TunnelToken(ctx, p.source, c.WSTAudience, id)
		},
	}
}

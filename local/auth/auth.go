// Package auth is the auth service: clients and roles, who makes a call and what it may do.
package auth

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// RootClientID is the client that may do everything; the users of the process get its token.
const RootClientID = "static/taskcluster/root"

// staticPrefix starts the clientIds that belong to the deployment itself.
const staticPrefix = "static/taskcluster/"

// Deps is what the service needs. Every field is required.
type Deps struct {
	Store  *store.Store
	Clock  func() time.Time
	Logger *slog.Logger

	// Issuers are the services that hand out temporary credentials, by name.
	Issuers []string
}

// Auth is the service. It implements api.Authenticator and api.Issuer and is safe for
// concurrent use; but for the tokens of its static clients all its state is in the store.
type Auth struct {
	store  *store.Store
	clock  func() time.Time
	logger *slog.Logger

	static      map[string]secret.String // by clientId; does not change
	tunnelToken secret.String            // signs websocktunnel tokens
}

var (
	_ api.Authenticator = (*Auth)(nil)
	_ api.Issuer        = (*Auth)(nil)
)

// New makes the service. What the store lacks of the static clients and the anonymous role
// is put there.
func New(ctx context.Context, d Deps) (*Auth, error) {
	a := &Auth{store: d.Store, clock: d.Clock, logger: d.Logger, static: map[string]secret.String{}}
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		for _, name := range append([]string{"root"}, d.Issuers...) {
			if err := a.ensureStaticClient(tx, staticPrefix+name); err != nil {
				return err
			}
		}
		if err := a.ensureTunnelSecret(tx); err != nil {
			return err
		}
		return a.ensureAnonymousRole(tx)
	})
	if err != nil {
		return nil, fmt.Errorf("auth: prepare the store: %w", err)
	}
	return a, nil
}

// RootToken is the access token of RootClientID.
func (a *Auth) RootToken() secret.String { return a.static[RootClientID] }

// TunnelSecret is what websocktunnel tokens are signed with; a websocktunnel server that is to take
// them is given it.
func (a *Auth) TunnelSecret() secret.String { return a.tunnelToken }

// Service lists the service's methods.
func (a *Auth) Service() api.Service {
	return api.Service{Name: "auth", Handlers: map[string]api.Handler{
		"listClients":         a.listClients,
		"client":              a.client,
		"createClient":        a.createClient,
		"resetAccessToken":    a.resetAccessToken,
		"updateClient":        a.updateClient,
		"enableClient":        a.enableClient,
		"disableClient":       a.disableClient,
		"deleteClient":        a.deleteClient,
		"listRoles":           a.listRoles,
		"listRoles2":          a.listRoles2,
		"listRoleIds":         a.listRoleIDs,
		"role":                a.role,
		"createRole":          a.createRole,
		"updateRole":          a.updateRole,
		"deleteRole":          a.deleteRole,
		"expandScopes":        a.expandScopes,
		"currentScopes":       currentScopes,
		"websocktunnelToken":  a.websocktunnelToken,
		"sentryDSN":           a.sentryDSN,
		"authenticateHawk":    a.authenticateHawk,
		"testAuthenticate":    a.testAuthenticate,
		"testAuthenticateGet": a.testAuthenticateGet,
	}}
}

// ensureStaticClient makes the client unless the store has it, and notes its token.
func (a *Auth) ensureStaticClient(tx *store.Tx, id string) error {
	var c client
	found, err := tx.Get(clientBucket, id, &c)
	if err != nil {
		return err
	}
	if !found {
		now := a.clock().UTC()
		c = client{
			ClientID: id, AccessToken: newToken(), Scopes: []string{"*"}, Description: "Part of taskcluster-local",
			Created: now, LastModified: now, LastDateUsed: now, LastRotated: now, Expires: now.AddDate(100, 0, 0),
		}
		if err := tx.Put(clientBucket, id, c); err != nil {
			return err
		}
	}
	a.static[id] = secret.New(c.AccessToken)
	return nil
}

func (a *Auth) ensureTunnelSecret(tx *store.Tx) error {
	var text string
	found, err := tx.Get(secretBucket, tunnelSecretKey, &text)
	if err != nil {
		return err
	}
	if !found {
		text = newToken()
		if err := tx.Put(secretBucket, tunnelSecretKey, text); err != nil {
			return err
		}
	}
	a.tunnelToken = secret.New(text)
	return nil
}

func (a *Auth) ensureAnonymousRole(tx *store.Tx) error {
	var r role
	found, err := tx.Get(roleBucket, anonymousRole, &r)
	if err != nil || found {
		return err
	}
	now := a.clock().UTC()
	return tx.Put(roleBucket, anonymousRole, role{
		RoleID: anonymousRole, Scopes: anonymousScopes(), Description: "What anyone may do, without credentials",
		Created: now, LastModified: now,
	})
}

// newToken makes an access token.
func newToken() string { return slugid.Nice() + slugid.Nice() }

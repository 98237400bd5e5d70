package auth

import (
	"context"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// listLimit is how many clients or roles one reply holds.
const listLimit = 1000

// clientReply is a client as the API shows it.
type clientReply struct {
	ClientID           string   `json:"clientId"`
	Expires            string   `json:"expires"`
	Description        string   `json:"description"`
	Created            string   `json:"created"`
	LastModified       string   `json:"lastModified"`
	LastDateUsed       string   `json:"lastDateUsed"`
	LastRotated        string   `json:"lastRotated"`
	Scopes             []string `json:"scopes"`
	ExpandedScopes     []string `json:"expandedScopes"`
	Disabled           bool     `json:"disabled"`
	DeleteOnExpiration bool     `json:"deleteOnExpiration"`
	AccessToken        string   `json:"accessToken,omitempty"` // only where it is new
}

// clientBody is the body of createClient and updateClient; what is nil stays as it is.
type clientBody struct {
	Expires            *time.Time `json:"expires"`
	Description        *string    `json:"description"`
	Scopes             *[]string  `json:"scopes"`
	DeleteOnExpiration *bool      `json:"deleteOnExpiration"`
}

func (b *clientBody) apply(c *client) {
	if b.Expires != nil {
		c.Expires = b.Expires.UTC()
	}
	if b.Description != nil {
		c.Description = *b.Description
	}
	if b.Scopes != nil {
		c.Scopes = *b.Scopes
	}
	if b.DeleteOnExpiration != nil {
		c.DeleteOnExpiration = *b.DeleteOnExpiration
	}
}

// show makes the reply for a client.
func (c *client) show(tx *store.Tx) (clientReply, error) {
	expanded, err := expand(tx, append([]string{"assume:" + anonymousRole}, c.Scopes...))
	if err != nil {
		return clientReply{}, err
	}
	return clientReply{
		ClientID: c.ClientID, Expires: stamp(c.Expires), Description: c.Description, Created: stamp(c.Created),
		LastModified: stamp(c.LastModified), LastDateUsed: stamp(c.LastDateUsed), LastRotated: stamp(c.LastRotated),
		Scopes: c.Scopes, ExpandedScopes: expanded, Disabled: c.Disabled, DeleteOnExpiration: c.DeleteOnExpiration,
	}, nil
}

func (a *Auth) listClients(ctx context.Context, r *api.Request) (any, error) {
	page, err := api.PageOf(r.Query, listLimit)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Clients           []clientReply `json:"clients"`
		ContinuationToken string        `json:"continuationToken,omitempty"`
	}
	reply.Clients = []clientReply{}
	err = a.store.View(ctx, func(tx *store.Tx) error {
		clients, token, err := api.List[client](tx, clientBucket, r.Query.Get("prefix"), page, nil)
		if err != nil {
			return err
		}
		reply.ContinuationToken = token
		for i := range clients {
			shown, err := clients[i].show(tx)
			if err != nil {
				return err
			}
			reply.Clients = append(reply.Clients, shown)
		}
		return nil
	})
	return reply, err
}

func (a *Auth) client(ctx context.Context, r *api.Request) (any, error) {
	var reply clientReply
	err := a.store.View(ctx, func(tx *store.Tx) error {
		c, err := readClient(tx, r.Params["clientId"])
		if err != nil {
			return err
		}
		reply, err = c.show(tx)
		return err
	})
	return reply, err
}

func readClient(tx *store.Tx, id string) (client, error) {
	var c client
	found, err := tx.Get(clientBucket, id, &c)
	if err == nil && !found {
		err = api.NotFound("Client not found")
	}
	return c, err
}

func (a *Auth) createClient(ctx context.Context, r *api.Request) (any, error) {
	var body clientBody
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	now := a.clock().UTC()
	c := client{
		ClientID: r.Params["clientId"], AccessToken: newToken(), Scopes: []string{},
		Created: now, LastModified: now, LastDateUsed: now, LastRotated: now,
	}
	body.apply(&c)
	if err := r.Authorize(map[string]any{"scopes": c.Scopes}); err != nil {
		return nil, err
	}
	if err := notStatic(c.ClientID); err != nil {
		return nil, err
	}
	var reply clientReply
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		var former client
		found, err := tx.Get(clientBucket, c.ClientID, &former)
		if err != nil {
			return err
		}
		if found {
			return api.Conflict("client with same clientId already exists")
		}
		reply, err = c.show(tx)
		reply.AccessToken = c.AccessToken
		if err != nil {
			return err
		}
		return tx.Put(clientBucket, c.ClientID, c)
	})
	return reply, err
}

// notStatic refuses changes to the clients of the deployment itself.
func notStatic(clientID string) error {
	if strings.HasPrefix(clientID, "static/") {
		return api.InputError("The clientId '%s' cannot be changed: those that start with static/ belong to the deployment", clientID)
	}
	return nil
}

// change reads a client, lets fn change it, and stores and shows it.
func (a *Auth) change(ctx context.Context, id string, fn func(*client) error) (clientReply, error) {
	var reply clientReply
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		c, err := readClient(tx, id)
		if err != nil {
			return err
		}
		if err := fn(&c); err != nil {
			return err
		}
		if err := notStatic(id); err != nil {
			return err
		}
		c.LastModified = a.clock().UTC()
		if reply, err = c.show(tx); err != nil {
			return err
		}
		return tx.Put(clientBucket, id, c)
	})
	return reply, err
}

func (a *Auth) updateClient(ctx context.Context, r *api.Request) (any, error) {
	var body clientBody
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	return a.change(ctx, r.Params["clientId"], func(c *client) error {
		var added []string
		if body.Scopes != nil {
			added = scopes.Missing(c.Scopes, *body.Scopes)
		}
		if err := r.Authorize(map[string]any{"scopesAdded": added}); err != nil {
			return err
		}
		body.apply(c)
		return nil
	})
}

func (a *Auth) resetAccessToken(ctx context.Context, r *api.Request) (any, error) {
	token := newToken()
	reply, err := a.change(ctx, r.Params["clientId"], func(c *client) error {
		c.AccessToken = token
		c.LastRotated = a.clock().UTC()
		return nil
	})
	reply.AccessToken = token
	return reply, err
}

func (a *Auth) enableClient(ctx context.Context, r *api.Request) (any, error) {
	return a.change(ctx, r.Params["clientId"], func(c *client) error {
		c.Disabled = false
		return nil
	})
}

func (a *Auth) disableClient(ctx context.Context, r *api.Request) (any, error) {
	return a.change(ctx, r.Params["clientId"], func(c *client) error {
		c.Disabled = true
		return nil
	})
}

func (a *Auth) deleteClient(ctx context.Context, r *api.Request) (any, error) {
	if err := notStatic(r.Params["clientId"]); err != nil {
		return nil, err
	}
	return nil, a.store.Update(ctx, func(tx *store.Tx) error {
		return tx.Delete(clientBucket, r.Params["clientId"])
	})
}

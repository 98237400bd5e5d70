package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// roleReply is a role as the API shows it.
type roleReply struct {
	RoleID         string   `json:"roleId"`
	Scopes         []string `json:"scopes"`
	Description    string   `json:"description"`
	Created        string   `json:"created"`
	LastModified   string   `json:"lastModified"`
	ExpandedScopes []string `json:"expandedScopes"`
}

// show makes the reply for a role.
func (r *role) show(tx *store.Tx) (roleReply, error) {
	expanded, err := expand(tx, []string{"assume:" + r.RoleID})
	if err != nil {
		return roleReply{}, err
	}
	return roleReply{
		RoleID: r.RoleID, Scopes: r.Scopes, Description: r.Description,
		Created: stamp(r.Created), LastModified: stamp(r.LastModified), ExpandedScopes: expanded,
	}, nil
}

// roles reads a page of the roles; the token is that of the next page.
func (a *Auth) roles(ctx context.Context, r *api.Request) (replies []roleReply, token string, err error) {
	page, err := api.PageOf(r.Query, listLimit)
	if err != nil {
		return nil, "", err
	}
	replies = []roleReply{}
	err = a.store.View(ctx, func(tx *store.Tx) error {
		var roles []role
		if roles, token, err = api.List[role](tx, roleBucket, "", page, nil); err != nil {
			return err
		}
		for i := range roles {
			shown, err := roles[i].show(tx)
			if err != nil {
				return err
			}
			replies = append(replies, shown)
		}
		return nil
	})
	return replies, token, err
}

func (a *Auth) listRoles(ctx context.Context, r *api.Request) (any, error) {
	replies, _, err := a.roles(ctx, r)
	return replies, err
}

func (a *Auth) listRoles2(ctx context.Context, r *api.Request) (any, error) {
	var reply struct {
		Roles             []roleReply `json:"roles"`
		ContinuationToken string      `json:"continuationToken,omitempty"`
	}
	var err error
	reply.Roles, reply.ContinuationToken, err = a.roles(ctx, r)
	return reply, err
}

func (a *Auth) listRoleIDs(ctx context.Context, r *api.Request) (any, error) {
	var reply struct {
		RoleIDs           []string `json:"roleIds"`
		ContinuationToken string   `json:"continuationToken,omitempty"`
	}
	roles, token, err := a.roles(ctx, r)
	reply.RoleIDs, reply.ContinuationToken = []string{}, token
	for _, role := range roles {
		reply.RoleIDs = append(reply.RoleIDs, role.RoleID)
	}
	return reply, err
}

func (a *Auth) role(ctx context.Context, r *api.Request) (any, error) {
	var reply roleReply
	err := a.store.View(ctx, func(tx *store.Tx) error {
		found, err := readRole(tx, r.Params["roleId"])
		if err != nil {
			return err
		}
		reply, err = found.show(tx)
		return err
	})
	return reply, err
}

func readRole(tx *store.Tx, id string) (role, error) {
	var r role
	found, err := tx.Get(roleBucket, id, &r)
	if err == nil && !found {
		err = api.NotFound("Role not found")
	}
	return r, err
}

// roleBody is the body of createRole and updateRole.
type roleBody struct {
	Scopes      []string `json:"scopes"`
	Description string   `json:"description"`
}

func (a *Auth) createRole(ctx context.Context, r *api.Request) (any, error) {
	var body roleBody
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{"scopes": body.Scopes}); err != nil {
		return nil, err
	}
	now := a.clock().UTC()
	created := role{
		RoleID: r.Params["roleId"], Scopes: body.Scopes, Description: body.Description, Created: now, LastModified: now,
	}
	var reply roleReply
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		var former role
		found, err := tx.Get(roleBucket, created.RoleID, &former)
		if err != nil {
			return err
		}
		if found {
			return api.Conflict("Role already exists")
		}
		reply, err = putRole(tx, created)
		return err
	})
	return reply, err
}

func (a *Auth) updateRole(ctx context.Context, r *api.Request) (any, error) {
	var body roleBody
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	var reply roleReply
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		updated, err := readRole(tx, r.Params["roleId"])
		if err != nil {
			return err
		}
		former, err := expand(tx, updated.Scopes)
		if err != nil {
			return err
		}
		if err := r.Authorize(map[string]any{"scopesAdded": scopes.Missing(former, body.Scopes)}); err != nil {
			return err
		}
		updated.Scopes, updated.Description = body.Scopes, body.Description
		updated.LastModified = a.clock().UTC()
		reply, err = putRole(tx, updated)
		return err
	})
	return reply, err
}

// putRole stores a role, unless it would make the expansion of scopes endless.
func putRole(tx *store.Tx, r role) (roleReply, error) {
	if i := slices.IndexFunc(r.Scopes, func(s string) bool { return strings.HasSuffix(s, "**") }); i >= 0 {
		return roleReply{}, api.InputError("scope %q ends with more than one *", r.Scopes[i])
	}
	if err := tx.Put(roleBucket, r.RoleID, r); err != nil {
		return roleReply{}, err
	}
	if err := checkEnds(tx); errors.Is(err, scopes.ErrEndless) {
		return roleReply{}, api.InputError("the role %q would make scopes expand without end", r.RoleID)
	} else if err != nil {
		return roleReply{}, err
	}
	return r.show(tx)
}

// checkEnds checks that the scopes of every role and every client expand to an end. It does not
// prove it for all that callers may hold: who assumes a pattern with a parameter that grows for
// ever is refused when it calls.
func checkEnds(tx *store.Tx) error {
	roles, err := readRoles(tx)
	if err != nil {
		return err
	}
	for _, r := range roles {
		// A pattern grows only with a parameter that is no star.
		probe := r.ID
		if prefix, pattern := strings.CutSuffix(r.ID, "*"); pattern {
			probe = prefix + "x"
		}
		if _, err := scopes.Expand([]string{"assume:" + probe}, roles); err != nil {
			return err
		}
	}
	return tx.Each(clientBucket, "", "", func(_ string, value []byte) (bool, error) {
		var c client
		if err := json.Unmarshal(value, &c); err != nil {
			return false, fmt.Errorf("auth: decode a client: %w", err)
		}
		_, err := scopes.Expand(c.Scopes, roles)
		return err == nil, err
	})
}

func (a *Auth) deleteRole(ctx context.Context, r *api.Request) (any, error) {
	return nil, a.store.Update(ctx, func(tx *store.Tx) error {
		return tx.Delete(roleBucket, r.Params["roleId"])
	})
}

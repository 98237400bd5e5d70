package auth

import (
	"encoding/json"
	"time"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/local/store"
)

// The buckets of the service.
const (
	clientBucket = "auth.clients" // client by clientId
	roleBucket   = "auth.roles"   // role by roleId
	secretBucket = "auth.secrets" // text by name

	tunnelSecretKey = "websocktunnel"
)

// client is a client as it is stored.
type client struct {
	ClientID           string    `json:"clientId"`
	AccessToken        string    `json:"accessToken"`
	Scopes             []string  `json:"scopes"`
	Description        string    `json:"description"`
	Expires            time.Time `json:"expires"`
	Created            time.Time `json:"created"`
	LastModified       time.Time `json:"lastModified"`
	LastDateUsed       time.Time `json:"lastDateUsed"`
	LastRotated        time.Time `json:"lastRotated"`
	DeleteOnExpiration bool      `json:"deleteOnExpiration"`
	Disabled           bool      `json:"disabled"`
}

// role is a role as it is stored.
type role struct {
	RoleID       string    `json:"roleId"`
	Scopes       []string  `json:"scopes"`
	Description  string    `json:"description"`
	Created      time.Time `json:"created"`
	LastModified time.Time `json:"lastModified"`
}

// anonymousRole is the role that every caller has, with or without credentials.
const anonymousRole = "anonymous"

// anonymousScopes are what the real deployment grants to anyone: to read what is public.
func anonymousScopes() []string {
	return []string{
		"auth:current-scopes", "auth:expand-scopes", "auth:get-client:*", "auth:get-role:*",
		"auth:list-clients", "auth:list-roles",
		"hooks:get:*", "hooks:list-hooks:*",
		"index:find-task:*", "index:list-namespaces:*", "index:list-tasks:*",
		"object:download:public/*",
		"purge-cache:all-purge-requests", "purge-cache:purge-requests:*",
		"queue:claimed-count:*", "queue:get-artifact:public/*", "queue:get-provisioner:*", "queue:get-task:*",
		"queue:get-worker-type:*", "queue:get-worker:*", "queue:list-artifacts:*", "queue:list-dependent-tasks:*",
		"queue:list-provisioners", "queue:list-task-group:*", "queue:list-worker-types:*", "queue:list-workers:*",
		"queue:pending-count:*", "queue:status:*",
		"secrets:list-secrets",
		"worker-manager:get-worker-pool:*", "worker-manager:get-worker:*", "worker-manager:list-providers",
		"worker-manager:list-worker-pool-errors:*", "worker-manager:list-worker-pools", "worker-manager:list-workers:*",
	}
}

// readRoles reads every role, for an expansion.
func readRoles(tx *store.Tx) ([]scopes.Role, error) {
	var roles []scopes.Role
	err := tx.Each(roleBucket, "", "", func(_ string, value []byte) (bool, error) {
		var r role
		if err := json.Unmarshal(value, &r); err != nil {
			return false, err
		}
		roles = append(roles, scopes.Role{ID: r.RoleID, Scopes: r.Scopes})
		return true, nil
	})
	return roles, err
}

// expand expands scopes by the stored roles.
func expand(tx *store.Tx, held []string) ([]string, error) {
	roles, err := readRoles(tx)
	if err != nil {
		return nil, err
	}
	return scopes.Expand(held, roles)
}

// stamp writes a time as the real services do.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

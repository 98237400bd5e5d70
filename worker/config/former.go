package config

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// Former is a key that older releases of the public program had. A configuration may still have
// it; the worker warns of each once.
type Former struct {
	Key string
	// Now says what it does: what is taken from it, or that it is ignored, and what to write today.
	Now string

	take func(old formers, c *Config) error
}

// Formers lists the keys of older releases, from 11.x on.
func Formers() []Former {
	const (
		root   = "ignored; rootURL names the whole deployment"
		ends   = "ignored; worker-manager decides when a worker ends"
		secure = "ignored; the URL of a live log over HTTPS has the name that livelogCertificate is for, or is that of wstServerURL"
		ports  = "honoured: livelogExposePort, where readers connect, is the port of GET; livelogPortBase is that of PUT when they follow one another"
		key    = "honoured: without ed25519SigningKeyLocation a key is made beside it, with the ending .ed25519"
	)
	return []Former{
		{"authBaseURL", root, nil},
		{"authRootURL", root, nil},
		{"checkForNewDeploymentEverySecs", ends, nil},
		{"containerEngine", "ignored; there is no such choice any more", nil},
		{"deploymentId", ends, nil},
		{"enableD2G", "honoured; it is d2gConfig.enableD2G today", formers.d2g},
		{"livelogGETPort", ports, formers.livelogPorts},
		{"livelogPUTPort", ports, formers.livelogPorts},
		{"livelogSecret", secure, nil},
		{"openpgpSigningKeyLocation", key, formers.signingKey},
		{"provisionerBaseURL", root, nil},
		{"provisionerRootURL", root, nil},
		{"purgeCacheBaseURL", root, nil},
		{"purgeCacheRootURL", root, nil},
		{"queueBaseURL", "honoured: rootURL is taken from it where that is not set", formers.rootURL},
		{"queueRootURL", "honoured: rootURL is taken from it where that is not set", formers.rootURL},
		{"refreshURLsPrematurelySecs", "ignored; nothing needs it any more", nil},
		{"runTasksAsCurrentUser", "honoured: true asks for the engine insecure where workerkit.engine is not set; on the engine multiuser tasks ask with the feature runTaskAsCurrentUser", formers.currentUser},
		{"secretsBaseURL", root, nil},
		{"secretsRootURL", root, nil},
		{"signingKeyLocation", key, formers.signingKey},
		{"subdomain", secure, nil},
		{"workerManagerRootURL", root, nil},
	}
}

// formers are the values of a file's former keys, by the key in lower case.
type formers map[string]json.RawMessage

// former finds the former key of a name in any case.
func former(name string) (Former, bool) {
	for _, f := range Formers() {
		if strings.EqualFold(f.Key, name) {
			return f, true
		}
	}
	return Former{}, false
}

// apply takes what the former keys still mean. What the keys of today say comes first.
func (old formers) apply(c *Config) (warnings, problems []string) {
	for _, f := range Formers() {
		if _, present := old[strings.ToLower(f.Key)]; !present {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("%s is a key of older releases: %s", f.Key, f.Now))
		if f.take == nil {
			continue
		}
		if err := f.take(old, c); err != nil {
			problems = append(problems, f.Key+" "+err.Error())
		}
	}
	return warnings, problems
}

// decode reads a value; what is absent or null leaves the target as it is. The error does not
// hold the value.
func (old formers) decode(key string, into any, expected string) error {
	raw, present := old[strings.ToLower(key)]
	if present && json.Unmarshal(raw, into) != nil {
		return fmt.Errorf("must be %s", expected)
	}
	return nil
}

func (old formers) d2g(c *Config) error {
	var enabled bool
	err := old.decode("enableD2G", &enabled, "true or false")
	c.D2GConfig.EnableD2G = c.D2GConfig.EnableD2G || enabled
	return err
}

func (old formers) currentUser(c *Config) error {
	var current bool
	err := old.decode("runTasksAsCurrentUser", &current, "true or false")
	if current && c.Workerkit.Engine == "" {
		c.Workerkit.Engine = EngineInsecure
	}
	return err
}

// signingKey names a key of today beside that of 11.x, which signed in another way.
func (old formers) signingKey(c *Config) error {
	for _, key := range []string{"signingKeyLocation", "openpgpSigningKeyLocation"} {
		var location string
		if err := old.decode(key, &location, "a string"); err != nil {
			return err
		}
		if location != "" && c.Ed25519SigningKeyLocation == "" {
			c.Ed25519SigningKeyLocation, c.makesKey = location+".ed25519", true
		}
	}
	return nil
}

// livelogPorts takes the ports of the program livelog, whose defaults were these.
func (old formers) livelogPorts(c *Config) error {
	put, get := uint16(60022), uint16(60023)
	for key, into := range map[string]*uint16{"livelogPUTPort": &put, "livelogGETPort": &get} {
		if err := old.decode(key, into, "a whole number from 0 to 65535"); err != nil {
			return err
		}
	}
	if put+1 == get && !c.Given("livelogPortBase") {
		c.LivelogPortBase = put
	}
	if _, said := old["liveloggetport"]; said && !c.Given("livelogExposePort") {
		c.LivelogExposePort = get
	}
	return nil
}

// rootURL takes the deployment's root from the queue's URL.
func (old formers) rootURL(c *Config) error {
	for _, key := range []string{"queueRootURL", "queueBaseURL"} {
		var text string
		if err := old.decode(key, &text, "a string"); err != nil {
			return err
		}
		if text == "" || c.RootURL != "" {
			continue
		}
		root, ok := rootOf(text)
		if !ok {
			return fmt.Errorf("does not tell the deployment's root: set rootURL")
		}
		c.RootURL = root
	}
	return nil
}

// rootOf is the root URL of the deployment whose queue has the URL base: ROOT/api/queue/v1, or
// queue.HOST/v1 as long ago, or ROOT itself.
func rootOf(base string) (string, bool) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || !isRoot(base) {
		return "", false
	}
	if path, found := strings.CutSuffix(u.Path, "/api/queue/v1"); found {
		u.Path = path
		return u.String(), true
	}
	if host, found := strings.CutPrefix(u.Host, "queue."); found && u.Path == "/v1" {
		return u.Scheme + "://" + host, true
	}
	return u.String(), u.Path == ""
}

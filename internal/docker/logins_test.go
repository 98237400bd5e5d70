package docker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/authconfig"

	"github.com/workerkit/workerkit/internal/docker"
)

// helper makes a program that knows the logins to registries.
func helper(t *testing.T, dir, name, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the helpers of this test are shell scripts")
	}
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestLogins(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	helper(t, dir, "knows", `host=$(cat); [ "$1" = get ] && printf '{"ServerURL": "%s", "Username": "of %s", "Secret": "s3cret"}' "$host" "$host"`)
	helper(t, dir, "token", `echo '{"Username": "<token>", "Secret": "s3cret"}'`)
	helper(t, dir, "none", `echo credentials not found in native keychain; exit 1`)
	helper(t, dir, "fails", `echo s3cret; exit 3`)
	helper(t, dir, "mumbles", `echo s3cret`)
	const auths = `"auths": {"https://index.docker.io/v1/": {"auth": "aHViOnMzOmNyZXQ="}, "localhost:5000": {"auth": "b3duOnMzY3JldA=="}, "tokens.example": {"identitytoken": "s3cret"},
		"https://old.example/v1/": {"auth": "b2xkOnMzY3JldA=="}, "bad.example": {"auth": "s3cret"}, "empty.example": {}}`
	for _, c := range []struct{ name, file, host, want, says string }{
		{"the hub", `{` + auths + `}`, "docker.io", "hub s3:cret  https://index.docker.io/v1/", ""},
		{"a port", `{` + auths + `}`, "localhost:5000", "own s3cret  localhost:5000", ""},
		{"no port", `{` + auths + `}`, "localhost", "", ""},
		{"a token", `{` + auths + `}`, "tokens.example", "  s3cret tokens.example", ""},
		{"an old key", `{` + auths + `}`, "old.example", "old s3cret  old.example", ""},
		{"the end of a key", `{` + auths + `}`, "d.example", "", ""},
		{"no base64", `{` + auths + `}`, "bad.example", "", "not in base64"},
		{"an empty login", `{` + auths + `}`, "empty.example", "", ""},
		{"a helper", `{"credHelpers": {"localhost:5000": "knows"}, ` + auths + `}`, "localhost:5000", "of localhost:5000 s3cret  localhost:5000", ""},
		{"a helper of another", `{"credHelpers": {"gcr.io": "knows"}}`, "docker.io", "", ""},
		{"a helper's token", `{"credHelpers": {"gcr.io": "token"}}`, "gcr.io", "  s3cret gcr.io", ""},
		{"a store", `{"credsStore": "knows", "auths": {"docker.io": {}}}`, "docker.io", "of https://index.docker.io/v1/ s3cret  https://index.docker.io/v1/", ""},
		{"a store that knows none", `{"credsStore": "none"}`, "docker.io", "", ""},
		{"a helper that fails", `{"credsStore": "fails"}`, "gcr.io", "", "docker-credential-fails does not tell the login to gcr.io"},
		{"a helper that mumbles", `{"credsStore": "mumbles"}`, "gcr.io", "", "as JSON"},
		{"no such helper", `{"credsStore": "absent"}`, "gcr.io", "", "docker-credential-absent"},
		{"a helper elsewhere", `{"credsStore": "/../../bin/sh"}`, "gcr.io", "", "no name of a credential helper"},
		{"damaged", `{"auths": s3cret`, "gcr.io", "", "not what docker login writes"},
		{"none", "", "gcr.io", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			if c.file != "" {
				if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := docker.NewLogins(func(string) string { return folder }).For(t.Context(), c.host)
			if fmt.Sprint(err == nil) != fmt.Sprint(c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret")) {
				t.Errorf("error %v, want %q and nothing secret", err, c.says)
			}
			a, err := authconfig.Decode(got.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join([]string{a.Username, a.Password, a.IdentityToken, a.ServerAddress}, " "); strings.TrimRight(said, " ") != c.want {
				t.Errorf("login %q, want %q", said, c.want)
			}
		})
	}
}

// TestLoginsPlace: they are where docker login leaves them.
func TestLoginsPlace(t *testing.T) {
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".docker", "config.json"), []byte(`{"auths": {"gcr.io": {"auth": "YTpi"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string { return map[string]string{"HOME": home}[name] }
	if got, err := docker.NewLogins(getenv).For(t.Context(), "gcr.io"); got.Empty() || err != nil {
		t.Errorf("in %s: %q, %v", home, got.Reveal(), err)
	}
}

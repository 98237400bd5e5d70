package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/packer"
)

// secrets reads the values that the rendered image refers to. All that are missing are named.
func secrets(file string, env []string) (map[string]secret.String, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var references map[string]packer.Secret
	if err := json.Unmarshal(data, &references); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	values := map[string]secret.String{}
	var errs []error
	for name, ref := range references {
		value, err := resolve(ref, env)
		if err != nil {
			errs = append(errs, fmt.Errorf("secret %s: %w", ref, err))
		}
		values[name] = secret.New(value)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return values, errors.Join(errs...)
}

func resolve(ref packer.Secret, env []string) (string, error) {
	kind, name, _ := strings.Cut(string(ref), ":")
	switch kind {
	case "env":
		value := lookup(env, name)
		if value == "" {
			return "", errors.New("the environment does not have it")
		}
		return value, nil
	case "file":
		data, err := os.ReadFile(name)
		value := strings.TrimSuffix(string(data), "\n")
		if err == nil && value == "" {
			err = errors.New("the file is empty")
		}
		return value, err
	}
	return "", errors.New("a secret is env:NAME or file:/path")
}

func lookup(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}

// expression writes the secrets as packer reads a variable that is a map.
func expression(values map[string]secret.String) string {
	all := make(map[string]cty.Value, len(values))
	for name, v := range values {
		all[name] = cty.StringVal(v.Reveal())
	}
	return string(hclwrite.TokensForValue(cty.ObjectVal(all)).Bytes())
}

// Credentials are the values of an environment's variables whose names say that they are
// secrets: AWS_SECRET_ACCESS_KEY, ARM_CLIENT_SECRET, GITHUB_TOKEN. Values below six characters
// are left out: they would make logs unreadable. The passwords in URLs, such as HTTPS_PROXY, are
// among them whatever the variable is called.
func Credentials(env []string) []secret.String {
	telling := regexp.MustCompile(`(?i)(secret|token|passw|credential|private_?key|api_?key|access_?key)`)
	path := regexp.MustCompile(`(?i)(_file|_path|_dir|_url|_name)$`)
	var all []secret.String
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if len(value) >= shortest && telling.MatchString(name) && !path.MatchString(name) {
			all = append(all, secret.New(value))
		}
		for _, password := range passwords(name, value) {
			all = append(all, secret.New(password))
		}
	}
	return all
}

// queries are what stands behind the question marks of the URLs that an image is fetched from: it may
// be a signature, and packer prints the URL of a disk.
func queries(image packer.Image) []secret.String {
	addresses := []string{image.Bases[packer.QEMU].Disk}
	for _, d := range image.Downloads {
		addresses = append(addresses, d.URL)
	}
	var all []secret.String
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil && u.Host != "" && len(u.RawQuery) >= shortest {
			all = append(all, secret.New(u.RawQuery))
		}
	}
	return all
}

// shortest is the length from which on a value is masked wherever it stands.
const shortest = 6

// passwords are those of the URLs in a variable, as they are written and as they are meant. A short
// one is masked where it stands in a URL only.
func passwords(name, value string) []string {
	if !strings.Contains(value, "://") && strings.HasSuffix(strings.ToLower(name), "_proxy") {
		value = "http://" + value // which programs understand
	}
	var all []string
	for _, found := range regexp.MustCompile(`://[^/?#\s:@]*:([^/?#\s]+)@`).FindAllStringSubmatch(value, -1) {
		written := found[1]
		if len(written) < shortest {
			all = append(all, ":"+written+"@")
			continue
		}
		all = append(all, written)
		if meant, err := url.PathUnescape(written); err == nil && meant != written {
			all = append(all, meant)
		}
	}
	return all
}

package providers

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

const longest = 38 // characters of an identifier

// allowed are the characters of identifiers.
const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// only tells whether text has from least to most characters, all of a set.
func only(set, text string, least, most int) bool {
	return len(text) >= least && len(text) <= most && strings.Trim(text, set) == ""
}

func isIdentifier(text string) bool { return only(allowed, text, 1, longest) }

func isPool(text string) bool {
	provisioner, kind, _ := strings.Cut(text, "/")
	return isIdentifier(provisioner) && only("abcdefghijklmnopqrstuvwxyz0123456789-", kind, 1, longest) &&
		strings.Trim(kind[:1], "abcdefghijklmnopqrstuvwxyz") == "" && !strings.HasSuffix(kind, "-")
}

// CheckPool refuses what cannot be a workerPoolId.
func CheckPool(text string) error {
	if isPool(text) {
		return nil
	}
	if !strings.Contains(text, "/") {
		return fmt.Errorf("%q has no slash: a worker pool is called <provisioner>/<worker type>", text)
	}
	return fmt.Errorf("%q is no worker pool: 1 to 38 letters, digits, - or _, a slash, then 1 to 38 lower-case letters, digits or - that begin with a letter and do not end in -", text)
}

// CheckIdentifier refuses what cannot be a workerGroup, workerId or providerId.
func CheckIdentifier(text string) error {
	if isIdentifier(text) {
		return nil
	}
	return fmt.Errorf("%q must be 1 to 38 letters, digits, - or _; %q would do", text, Identifier(text))
}

// CheckStaticSecret refuses what worker-manager would not take as a staticSecret. The error
// does not show the text.
func CheckStaticSecret(text string) error {
	if only(allowed, text, 44, 44) {
		return nil
	}
	return fmt.Errorf("it must be 44 letters, digits, - or _ (two slugids), and is %d characters", len(text))
}

// CheckRootURL refuses what cannot be the root URL of a deployment.
func CheckRootURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("it must be a URL such as https://tc.example.com")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it must have nothing but https://, a host and perhaps a port")
	}
	return nil
}

// CheckEndpoint refuses what cannot be where a metadata service is. None of them speaks TLS.
func CheckEndpoint(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return errors.New("it must be a URL such as http://169.254.169.254")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it must have nothing but http://, a host and perhaps a port")
	}
	return nil
}

// TrimRootURL removes slashes from the end of a root URL.
func TrimRootURL(text string) string { return strings.TrimRight(text, "/") }

// Identifier turns a host name or serial number into something that may be a workerId: what
// is not allowed becomes a dash, and what is too long is cut.
func Identifier(text string) string {
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune(allowed, r) {
			return r
		}
		return '-'
	}, text)
	text = strings.Trim(text, "-")
	if len(text) > longest {
		text = strings.Trim(text[:longest], "-")
	}
	if text == "" {
		return "worker"
	}
	return text
}

package packer

import (
	"net/url"
	"strings"
)

// PublicURL is a URL without user, password, query and fragment, in which signatures are; what is
// none is as it was.
func PublicURL(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil && strings.Contains(address, "://"):
		return "a URL that cannot be read" // and may have a password all the same
	case err != nil || u.Host == "" || u.User == nil && u.RawQuery == "" && u.Fragment == "":
		return address
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

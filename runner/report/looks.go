package report

import (
	"regexp"
	"strings"
)

// look is what a secret looks like.
type look struct {
	pattern *regexp.Regexp
	with    string                  // what it becomes; $1 and so on stay
	when    func(found string) bool // nil for always
}

func (l look) hide(text string) string {
	if l.when == nil {
		return l.pattern.ReplaceAllString(text, l.with)
	}
	return l.pattern.ReplaceAllStringFunc(text, func(found string) string {
		if l.when(found) {
			return l.with
		}
		return found
	})
}

// looks lists what secrets look like. The order counts: what is larger comes first.
func looks() []look {
	of := func(pattern, with string) look { return look{pattern: regexp.MustCompile(pattern), with: with} }
	random := func(pattern string) look { return look{regexp.MustCompile(pattern), hidden, mixed} }
	return []look{
		// keys and certificates as PEM, to the end of the text when that was cut
		of(`(?s)-----BEGIN [A-Z0-9 ]+-----.*?(-----END [A-Z0-9 ]+-----|$)`, hidden),
		// a Taskcluster certificate, also as a string in JSON
		of(`\{\s*\\*"version\\*"\s*:\s*\d+\s*,[^{}]*\}`, hidden),
		// headers, to the end of the line
		of(`(?i)\b((?:proxy-)?authorization|x-[a-z0-9-]*token|cookie)(\\*"?\s*[:=]\s*)[^\r\n]+`, "$1$2"+hidden),
		of(`\bHawk\s+id=[^\r\n]+`, "Hawk "+hidden),
		of(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`, "$1 "+hidden),
		// user data that is shown
		of(`(?i)\b(user-?data|custom-?data)(\\*"?\s*[:=]\s*)(?:[{\["'][^\r\n]*|[A-Za-z0-9+/=]{40,})`, "$1$2"+hidden),
		// values of keys that say that they are secret
		of(`(?i)(\b[a-z_-]*(?:access_?token|certificate|secret|password|passwd|private_?key|api_?key|credential)s?\\*"?\s*[:=]\s*)`+
			`(?:\\+"[^"\\]*\\*"?|"(?:[^"\\]|\\.)*"?|'[^']*'|[^\s,;"'{}\[\]]{12,})`, "$1"+hidden),
		// URLs: user and password, signatures
		of(`(://)[^/\s@"']+@`, "$1"+hidden+"@"),
		of(`(?i)\b((?:bewit|x-amz-[a-z-]+|x-goog-[a-z-]+|signature|sig|awsaccesskeyid|googleaccessid|policy|token|key-pair-id)=)[^&\s"'<>]+`, "$1"+hidden),
		// JWTs and the names of AWS keys
		of(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`, hidden),
		of(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`, hidden),
		// large data as base64, whole or in the lines of a file
		of(`[A-Za-z0-9+/_-]{200,}={0,2}`, hidden),
		random(`(?m)^\s*[A-Za-z0-9+/]{60,76}={0,2}\s*$`),
		// what Taskcluster makes of random bytes: access tokens and registration secrets
		random(`[A-Za-z0-9_-]{43,}`),
	}
}

// mixed tells random text from a checksum or a long name, which have letters of one case.
func mixed(text string) bool {
	return strings.ToLower(text) != text && strings.ToUpper(text) != text
}

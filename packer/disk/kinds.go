package disk

import (
	"bytes"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/packer/mask"
)

// kind is something that must not be on a disk.
type kind struct {
	what  string
	known bool // a value that is known: it is no coincidence wherever it is
	begin []string
	// whole matches all of it, where begin was found; nil when begin is all.
	whole *regexp.Regexp
	// word tells that no letter or digit may stand before it.
	word bool
}

// most is the length of the longest thing that a kind's whole must see to be sure.
const most = 1 << 10

// looks are the kinds that are known by their looks.
func looks() []kind {
	return []kind{
		{
			what: "private key", begin: []string{"-----BEGIN "},
			// A key has a body: the marker alone is in each program that reads keys. In JSON a line
			// ends in \n.
			whole: regexp.MustCompile(`^-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----(?:\r|\n|\\n|\\r)+(?:[A-Za-z0-9-]+: [^\n]{1,80}(?:\r|\n|\\n)+)*(?:[A-Za-z0-9+/=]+(?:\r|\n|\\n|\\r)*){1,40}`),
		},
		{what: "key of AWS", begin: []string{"AKIA", "ASIA"}, word: true, whole: regexp.MustCompile(`^A[KS]IA[A-Z2-7]{16}\b`)},
		{what: "token of GitHub", begin: []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}, word: true, whole: regexp.MustCompile(`^gh[pousr]_[A-Za-z0-9]{36}\b`)},
		{what: "token of GitHub", begin: []string{"github_pat_"}, word: true, whole: regexp.MustCompile(`^github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b`)},
		{what: "token of GitLab", begin: []string{"glpat-"}, word: true, whole: regexp.MustCompile(`^glpat-[A-Za-z0-9_-]{20,}`)},
	}
}

// Secret is a value that must not be on the disk, and the name by which a finding calls it.
type Secret struct {
	Name  string
	Value secret.String
}

// tooShort is the length below which a form of a secret is not looked for in billions of bytes.
const tooShort = 8

// known makes kinds of the secrets: in each the forms that are long enough. Those of which the
// value itself is too short are named.
func known(secrets []Secret) (kinds []kind, short []string) {
	for _, s := range secrets {
		if len(strings.TrimSpace(s.Value.Reveal())) < tooShort {
			short = append(short, s.Name)
			continue
		}
		digits := hex.EncodeToString([]byte(s.Value.Reveal()))
		k := kind{what: "secret " + s.Name, known: true}
		for _, form := range append(mask.Forms(s.Value), digits, strings.ToUpper(digits)) {
			if len(form) >= tooShort {
				k.begin = append(k.begin, form)
			}
		}
		kinds = append(kinds, k)
	}
	return kinds, short
}

// match returns what of data, from at on, is of the kind; nil when nothing is.
func (k kind) match(data []byte, at int) []byte {
	if k.known {
		return data[at : at+1]
	}
	if k.word && at > 0 && isWord(data[at-1]) {
		return nil
	}
	text := k.whole.Find(data[at:min(len(data), at+most)])
	if len(text) == 0 || !telling(k, text) {
		return nil
	}
	return text
}

// telling tells a real thing from an example of one, by its letters.
func telling(k kind, text []byte) bool {
	if bytes.Contains(text, []byte("EXAMPLE")) {
		return false
	}
	if bytes.HasPrefix(text, []byte("-----")) {
		const body = 48 // characters; the smallest key that there is has 64
		_, after, _ := bytes.Cut(text, []byte("KEY-----"))
		return len(after) >= body && distinct(after) > 16
	}
	return distinct(text[len(k.begin[0]):]) > 6
}

func distinct(text []byte) int {
	var seen [256]bool
	count := 0
	for _, c := range text {
		if !seen[c] {
			seen[c], count = true, count+1
		}
	}
	return count
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_'
}

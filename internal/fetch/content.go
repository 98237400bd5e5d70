package fetch

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/workerkit/workerkit/internal/tc"
)

// Content is what a task wants to have in a file. Exactly one form of it is set: Namespace with
// Artifact, TaskID with Artifact, URL, or Base64. When none of them is, it is the text Raw, which
// may be empty.
type Content struct {
	TaskID, Artifact string // an artifact of the task's latest run
	Namespace        string // in place of TaskID: the task that the index has there
	URL              string
	Raw              string
	Base64           string // the standard alphabet; the padding may be missing
	SHA256           string // in hex; "" when it is not known
}

// Access is on whose behalf a content is fetched.
type Access struct {
	// Credentials ask the queue and the index; nil asks as nobody in particular.
	Credentials tc.Source
	// Log takes lines about the progress. It must be safe for concurrent use; nil drops them.
	Log func(format string, args ...any)
}

func (a Access) log(format string, args ...any) {
	if a.Log != nil {
		a.Log(format, args...)
	}
}

func (a Access) credentials() tc.Source {
	if a.Credentials == nil {
		return tc.Anonymous()
	}
	return a.Credentials
}

// Key is the name of the content in the file of the reference's cache. That of an indexed artifact
// is known when Resolve has replaced the namespace by a task.
func (c Content) Key() string {
	switch {
	case c.TaskID != "":
		return "artifact:" + c.TaskID + ":" + c.Artifact
	case c.URL != "":
		return "urlcontent:" + c.URL
	case c.Base64 != "":
		return keyBase64 + c.Base64
	default:
		return keyRaw + c.Raw
	}
}

// How the keys of inline contents begin.
const keyBase64, keyRaw = "Base64 content: ", "Raw content: "

// InlineKey tells whether a key is of a content that is in a payload itself.
func InlineKey(key string) bool {
	return strings.HasPrefix(key, keyBase64) || strings.HasPrefix(key, keyRaw)
}

// String says where the content comes from, without anything that may be secret.
func (c Content) String() string {
	switch {
	case c.Namespace != "":
		return fmt.Sprintf("artifact %s of the task indexed as %s", c.Artifact, c.Namespace)
	case c.TaskID != "":
		return fmt.Sprintf("artifact %s of task %s", c.Artifact, c.TaskID)
	case c.URL != "":
		return shown(c.URL)
	case c.Base64 != "":
		return "base64 content of the payload"
	default:
		return "raw content of the payload"
	}
}

// Inline tells whether the content is in the payload itself.
func (c Content) Inline() bool { return c.Namespace == "" && c.TaskID == "" && c.URL == "" }

// Bytes is an inline content itself. The error is of what is not base64.
func (c Content) Bytes() ([]byte, error) {
	if c.Base64 == "" {
		return []byte(c.Raw), nil
	}
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(c.Base64, "="))
	if err != nil {
		return nil, fmt.Errorf("%s: it is not base64: %w", c, err)
	}
	return data, nil
}

// Sum is the SHA-256 of data, in hex.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// shown is a URL without what may be secret in it: the user, the query and the fragment.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "a URL that cannot be read"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

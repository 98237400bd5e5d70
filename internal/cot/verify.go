package cot

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Verify checks the signature of a document, and only then reads it.
func Verify(key ed25519.PublicKey, document, signature []byte) (*Certificate, error) {
	if len(signature) != ed25519.SignatureSize || !ed25519.Verify(key, document, signature) {
		return nil, fmt.Errorf("cot: %w", ErrSignature)
	}
	c := &Certificate{}
	if err := json.Unmarshal(document, c); err != nil {
		return nil, fmt.Errorf("cot: %w: %w", ErrFormat, err)
	}
	if c.Version != version {
		return nil, fmt.Errorf("cot: %w of version %d", ErrFormat, version)
	}
	return c, nil
}

// ReadSet reads and verifies the certificate among artifacts that were downloaded to a folder: under
// the artifacts' names, or without their common prefix public/.
func ReadSet(key ed25519.PublicKey, dir string) (*Certificate, error) {
	var read [2][]byte
	for i, name := range []string{CertificateName, SignatureName} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			text, err = os.ReadFile(filepath.Join(dir, strings.TrimPrefix(name, "public/")))
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cot: there is neither %s nor %s in %s: %w", name, strings.TrimPrefix(name, "public/"), dir, fs.ErrNotExist)
		}
		if err != nil {
			return nil, fmt.Errorf("cot: read the certificate: %w", err)
		}
		if len(text) > ed25519.SignatureSize && compressed(text) { // a signature may begin so by chance
			return nil, fmt.Errorf("cot: read the certificate: %s is compressed: download it with curl --compressed", name)
		}
		read[i] = text
	}
	return Verify(key, read[0], read[1])
}

// compressed tells whether data is gzip's by how it starts.
func compressed(start []byte) bool { return bytes.HasPrefix(start, []byte("\x1f\x8b")) }

// Verdict is what became of an artifact.
type Verdict string

// Verdicts.
const (
	OK      Verdict = "ok"
	Missing Verdict = "missing"
	Wrong   Verdict = "wrong"
)

// Finding is what was found of one artifact that a certificate names.
type Finding struct {
	Name    string
	Verdict Verdict
	Detail  string // why it is wrong
}

// Check looks for the artifacts of a certificate in a folder, where each lies under its name, and
// compares their hashes. Findings are in the order of the names. The error is ctx's cause.
func (c *Certificate) Check(ctx context.Context, dir string) ([]Finding, error) {
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(c.Artifacts)) {
		if ctx.Err() != nil {
			return found, context.Cause(ctx)
		}
		f := Finding{Name: name, Verdict: OK}
		err := check(ctx, dir, name, c.Artifacts[name].SHA256)
		if errors.Is(err, fs.ErrNotExist) {
			f.Verdict = Missing
		} else if err != nil {
			f.Verdict, f.Detail = Wrong, err.Error()
		}
		found = append(found, f)
	}
	return found, nil
}

// check is an error that wraps fs.ErrNotExist when there is no such file.
func check(ctx context.Context, dir, name, want string) error {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) {
		return errors.New("its name is not a path in the folder")
	}
	file, err := os.Open(filepath.Join(dir, local))
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	buffered := bufio.NewReader(file)
	start, _ := buffered.Peek(2) // shorter files have none
	hash := sha256.New()
	if _, err := io.Copy(hash, &ended{ctx, buffered}); err != nil {
		return err
	}
	got := hex.EncodeToString(hash.Sum(nil))
	if strings.EqualFold(got, want) {
		return nil
	}
	problem := fmt.Errorf("its sha256 is %s, not %s", got, want)
	if compressed(start) {
		problem = fmt.Errorf("%w; it is compressed: download it with curl --compressed", problem)
	}
	return problem
}

// ended is a reader that ends with its context.
type ended struct {
	ctx    context.Context //nolint:containedctx // of the one call that reads
	reader io.Reader
}

// Read implements io.Reader.
func (e *ended) Read(p []byte) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.reader.Read(p) //nolint:wrapcheck // a reader's error
}

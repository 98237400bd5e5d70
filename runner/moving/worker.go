package moving

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// worker looks at the worker's config.
func (l *look) worker() {
	file := l.m.WorkerFile
	if len(l.written) == 0 {
		return
	}
	l.private(file)
	detail := "ours reads it as it is"
	if l.m.RunnerFile != "" {
		detail = "start-worker writes it anew at each start; what is in it now came from the runner config, the pool and its secrets"
	}
	l.add(Stays, file, fmt.Sprintf("%d keys: %s", len(l.written), detail), "")
	var others []string
	for _, key := range l.written {
		if !isKey(PublicKeys(), key) && !isKey(ourKeys(), key) && !strings.EqualFold(key, "instanceID") {
			others = append(others, key)
		}
	}
	if len(others) > 0 {
		l.add(Differs, file, "keys that no public worker of today knows: "+strings.Join(others, ", ")+
			"; ours takes those of releases from 11 on, with a warning for each, and refuses all others (exit code 64)",
			"leave out what nothing needs, in the runner config, the pool or its secrets")
	}
	if slices.Contains(l.written, "instanceID") {
		l.add(Differs, file, "instanceID, as the public start-worker writes it, is lost in the public worker; ours takes it: chain-of-trust certificates name the instance", "")
	}
}

// engine compares the engine that the public worker was built with to the one that ours would choose.
func (l *look) engine() {
	built := EngineOf(l.m.WorkerVersion)
	chosen, by := l.choice()
	if l.m.Ours || built == "" {
		return
	}
	if built == chosen {
		l.add(Stays, l.m.WorkerPath, "engine "+built+", which ours chooses too", "")
		return
	}
	where := "worker: {workerkit: {engine: " + built + "}} in the runner config, which the public start-worker passes over"
	if l.m.RunnerFile == "" {
		where = `"workerkit": {"engine": "` + built + `"} in the worker's config`
	}
	next := "call the program generic-worker-" + built + ", or write " + where + "; a release's file generic-worker-" + built + "-OS-ARCH needs neither"
	if by == byKey {
		next = "make it " + built
	}
	l.add(Blocks, l.m.WorkerPath, "it is built with the engine "+built+"; ours in its place would choose "+chosen+", by "+by, next)
}

// EngineOf is the engine in the version text of a worker: "generic-worker (multiuser engine) 1.2.3"; "" when it
// names none.
func EngineOf(version string) string {
	_, rest, _ := strings.Cut(version, "(")
	engine, _, ok := strings.Cut(rest, " engine)")
	if !ok {
		return ""
	}
	if engine == "simple" { // before release 62
		return "insecure"
	}
	return engine
}

// byKey is what chooses an engine before all else.
const byKey = "the key workerkit.engine"

func (l *look) chosenEngine() string {
	engine, _ := l.choice()
	return engine
}

// choice is the engine that ours would choose in the place of the worker's program, as the user of its
// service, and else as root; and by what.
func (l *look) choice() (engine, by string) {
	for _, of := range []any{l.object("worker")["workerkit"], l.value("workerkit")} {
		if m, ok := of.(map[string]any); ok {
			if engine, ok := m["engine"].(string); ok && engine != "" {
				return engine, byKey
			}
		}
	}
	base := strings.TrimSuffix(strings.ToLower(baseOf(l.m.WorkerPath)), ".exe")
	for part := range strings.SplitSeq(base, "-") {
		switch part {
		case "multiuser", "insecure":
			return part, "its name"
		case "simple":
			return "insecure", "its name"
		}
	}
	if engine := EngineOf(l.m.WorkerVersion); l.m.Ours && engine != "" { // it may be built for one
		return engine, "what it was built with"
	}
	for _, s := range l.m.Services {
		if user := cmp.Or(s.Keys["User"], s.Keys["UserName"]); user != "" && user != "root" {
			return "insecure", "its user"
		}
	}
	return "multiuser", "its user"
}

// key looks at the key that signs chain-of-trust certificates.
func (l *look) key() {
	path := l.text(keyLocation)
	if path == "" {
		l.required()
		return
	}
	remedy := l.makeKey(path)
	path = l.m.path(path)
	info, err := os.Stat(Under(l.m.Root, path))
	if err != nil {
		l.missingKey(path, remedy, err)
		return
	}
	data, ok := l.read(path)
	if !ok || !info.Mode().IsRegular() {
		return
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(seed) != ed25519.SeedSize {
		l.add(Blocks, path, "it is no ed25519 key in base64", "make one with: "+remedy+", and publish its public key")
		return
	}
	l.private(path)
	public, _ := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	l.add(Stays, path, "the signing key; whoever checks certificates goes on with the public key "+base64.StdEncoding.EncodeToString(public), "")
}

// keyLocation is the key of the signing key's file. No worker starts without it, with whatever engine.
const keyLocation = "ed25519SigningKeyLocation"

// required says that no signing key is named. One that our worker makes itself, for a config of a former release,
// is for ours alone.
func (l *look) required() {
	former := cmp.Or(l.text("signingKeyLocation"), l.text("openpgpSigningKeyLocation"))
	switch {
	case former != "" && !l.back:
		l.add(Differs, l.m.WorkerFile, "there is no "+keyLocation+"; ours makes a key at its first start, "+former+".ed25519",
			"publish its public key, and name it as "+keyLocation)
	case len(l.written) > 0:
		l.add(Blocks, l.m.WorkerFile, "there is no "+keyLocation+": both workers refuse such a config (exit code 64), also with the engine insecure, which has no use for the key",
			"generic-worker new-ed25519-keypair --file FILE, and name FILE as "+keyLocation+" in the runner config, the pool or its secrets, or in the worker's config when no runner writes it")
	case l.object("worker")["implementation"] == "generic-worker":
		l.add(Differs, l.m.RunnerFile, "workerConfig has no "+keyLocation+": the pool or its secrets must have it, as both workers refuse a config without it (exit code 64)",
			"look whether they have")
	}
}

// makeKey is how to make a key where a config names it. A folder that is only guessed is none to write to, and
// neither is the root of the file system.
func (l *look) makeKey(given string) string {
	const command = "generic-worker new-ed25519-keypair --file "
	if path := l.m.path(given); l.m.join("/", given) == given || l.m.Dir != "" && l.m.Dir != "/" {
		return command + path
	}
	return command + "with a whole path, and name that as " + keyLocation + "; or name the worker's working directory with --dir, from which " + given + " counts"
}

func (l *look) missingKey(path, remedy string, err error) {
	if !os.IsNotExist(err) {
		l.add(Blocks, path, "the signing key cannot be read: "+cause(err), "run start-worker check as the user that runs the worker")
		return
	}
	effect := Blocks
	if l.off("enableChainOfTrust") || EngineOf(l.m.WorkerVersion) == "insecure" || l.chosenEngine() == "insecure" {
		effect = Differs // nobody reads it
	}
	l.add(effect, path, "the signing key is missing; the engine multiuser ends with exit code 82 without it, the engine insecure does not read it",
		remedy)
}

// isDir tells whether a folder of the machine is there.
func (l *look) isDir(path string) bool {
	info, err := os.Stat(Under(l.m.Root, path))
	return err == nil && info.IsDir()
}

// entries are the names of what is in a folder of the machine.
func (l *look) entries(path string) []fs.DirEntry {
	entries, _ := os.ReadDir(filepath.Clean(Under(l.m.Root, path))) // what is missing has none
	return entries
}

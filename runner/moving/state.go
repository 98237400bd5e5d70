package moving

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// saved is what is looked at of a file of cacheOverRestarts. Its secrets are not.
type saved struct {
	CredentialsExpire time.Time
	WorkerPoolID      string
	WorkerGroup       string
	WorkerID          string
}

// state looks at the file that keeps the registration over a restart.
func (l *look) state() {
	path := l.m.Config.StateFile
	if on, _ := l.given["cacheOverRestarts"].(bool); on {
		l.misnamed(path)
	}
	s, ok := l.savedState(path)
	if !ok {
		return
	}
	l.private(path)
	whose := s.WorkerGroup + "/" + s.WorkerID + " of " + s.WorkerPoolID
	switch {
	case !l.m.Config.Place.Kind.Ephemeral:
		l.add(Stays, path, "the registration of "+whose+"; ours registers anew and falls back on it when worker-manager does not answer", "")
	case s.expired(l.m.Now):
		l.add(Blocks, path, "the credentials of "+whose+" ended "+s.CredentialsExpire.UTC().Format(time.RFC3339)+"; the public program gives up with such a file, ours tries to renew them once",
			"replace the machine if its worker has to be sure to come back")
	default:
		l.add(Stays, path, "the registration of "+whose+until(s.CredentialsExpire)+"; ours goes on with it, without registering again", "")
	}
}

func (s saved) expired(now time.Time) bool {
	return s.CredentialsExpire.Year() > 1 && !now.Before(s.CredentialsExpire) // year 1 stands for never
}

func until(t time.Time) string {
	if t.Year() <= 1 {
		return ""
	}
	return fmt.Sprintf(", good until %s", t.UTC().Format(time.RFC3339))
}

func (l *look) savedState(path string) (s saved, ok bool) {
	data, ok := l.read(path)
	if !ok {
		return s, false
	}
	if json.Unmarshal(data, &s) == nil && s.WorkerID != "" {
		return s, true
	}
	if l.m.Config.Place.Kind.Ephemeral {
		l.add(Blocks, path, "the saved state is damaged, and a machine of a cloud cannot register a second time", "replace the machine")
	} else {
		l.add(Differs, path, "the saved state is damaged; ours ignores it with a warning, the public program does not start", "delete it")
	}
	return s, false
}

// misnamed looks for the file that the public program makes of cacheOverRestarts: true.
func (l *look) misnamed(usual string) {
	made := l.m.join(l.m.Dir, "true")
	if _, err := os.Stat(Under(l.m.Root, made)); err != nil || l.m.Dir == "" {
		l.add(Differs, "cacheOverRestarts", "true is the place "+usual+" for ours; the public program makes a file called true where it is started", "")
		return
	}
	effect := Blocks
	if !l.cloud() { // it registers anew
		effect = Differs
	}
	l.add(effect, made, "the public program has saved its state here, as cacheOverRestarts is true; ours looks for it at "+usual,
		"write its path in the runner config, cacheOverRestarts: "+made+", which either program reads")
}

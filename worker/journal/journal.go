// Package journal remembers on disk which claims a worker holds, so that one that was killed
// can hand its tasks back when it is started again, instead of leaving the queue to wait until
// the claims expire.
//
// Each claim is a file of its own, readable by the worker's user alone: it holds the run's
// credentials. A claim is on disk before its task's first command starts, and until the queue
// has been told how the run ended.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
)

// Owner is whose claims a journal holds. Claims of another owner are never acted upon: the disk
// may be a copy of another machine's.
type Owner struct {
	RootURL string `json:"rootUrl"`
	Pool    string `json:"workerPoolId"`
	Group   string `json:"workerGroup"`
	ID      string `json:"workerId"`
}

// Entry is a claim.
type Entry struct {
	TaskID      string
	RunID       int64
	TakenUntil  time.Time
	Credentials tc.Credentials // the newest of the run
	Dir         string         // of the task
	Own         string         // of the worker, for the run: the log is there
	LogName     string         // the artifact that the log becomes; empty when it is not uploaded
	LiveName    string         // the artifact under which it is read meanwhile; empty when there is none
	Expires     time.Time      // of the task's artifacts
}

// Journal is a folder of claims. Its methods may be called concurrently for different runs.
type Journal struct {
	dir   string
	owner Owner
	lock  *os.File
}

// ErrInUse means that another worker, which is alive, has the journal.
var ErrInUse = errors.New("the journal is in use")

// Open returns the journal in dir, which is made when needed, and the claims that an earlier
// worker of the same owner has left. What it cannot use it removes, and says in notes. Until
// Close or the end of the process nobody else can open it.
func Open(dir string, owner Owner) (j *Journal, left []Entry, notes []string, err error) {
	if err := private.MkdirAll(dir); err != nil {
		return nil, nil, nil, fmt.Errorf("journal: %w", err)
	}
	file, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("journal: %w", err)
	}
	j = &Journal{dir: dir, owner: owner, lock: file}
	if left, notes, err = j.left(); err != nil {
		return nil, nil, nil, fmt.Errorf("journal: %w", errors.Join(err, j.Close()))
	}
	return j, left, notes, nil
}

// Close lets others open the journal. Its claims stay.
func (j *Journal) Close() error { return j.lock.Close() }

// left reads all claims, and removes what it cannot use.
func (j *Journal) left() (left []Entry, notes []string, err error) {
	if err := j.finish(); err != nil {
		return nil, nil, err
	}
	files, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, file := range files {
		if file.Name() == lockName {
			continue
		}
		path := filepath.Join(j.dir, file.Name())
		e, err := j.read(path)
		if err == nil {
			left = append(left, e)
			continue
		}
		notes = append(notes, fmt.Sprintf("%s is not used: %v", path, err))
		if err := os.RemoveAll(path); err != nil {
			return nil, nil, err
		}
	}
	return left, notes, nil
}

// finish ends what Put had begun when the worker was killed. Most of the time that Put takes is for
// the disk: all of the claim is in a file then, which has not got its name yet.
func (j *Journal) finish() error {
	files, err := os.ReadDir(j.dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file.Name(), suffix) || file.Name() == lockName {
			continue
		}
		path := filepath.Join(j.dir, file.Name())
		if e, err := j.read(path); err == nil {
			if err := os.Rename(path, j.path(e.TaskID, e.RunID)); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry is a claim on disk.
type entry struct {
	Format      int         `json:"format"`
	Owner       Owner       `json:"worker"`
	TaskID      string      `json:"taskId"`
	RunID       int64       `json:"runId"`
	TakenUntil  time.Time   `json:"takenUntil"`
	Credentials credentials `json:"credentials"`
	Dir         string      `json:"dir"`
	Own         string      `json:"own"`
	LogName     string      `json:"logName,omitempty"`
	LiveName    string      `json:"liveName,omitempty"`
	Expires     time.Time   `json:"expires,omitzero"`
}

type credentials struct {
	ClientID    string `json:"clientId"`
	AccessToken string `json:"accessToken"`
	Certificate string `json:"certificate,omitempty"`
}

// format is the one that is written. Another one is not read.
const format = 1

var (
	errOwner  = errors.New("it is another worker's")
	errFormat = errors.New("it is no claim that this version has written")
)

// read reads a claim.
func (j *Journal) read(path string) (Entry, error) {
	data, _, err := private.Read(path)
	if err != nil {
		return Entry{}, err //nolint:wrapcheck // names the file
	}
	var e entry
	if err := json.Unmarshal(data, &e); err != nil || e.Format != format || e.TaskID == "" {
		return Entry{}, errFormat // the parser's error might quote a secret
	}
	if e.Owner != j.owner {
		return Entry{}, errOwner
	}
	return Entry{
		TaskID: e.TaskID, RunID: e.RunID, TakenUntil: e.TakenUntil, Dir: e.Dir, Own: e.Own,
		LogName: e.LogName, LiveName: e.LiveName, Expires: e.Expires,
		Credentials: tc.Credentials{
			ClientID: e.Credentials.ClientID, AccessToken: secret.New(e.Credentials.AccessToken), Certificate: secret.New(e.Credentials.Certificate),
		},
	}, nil
}

// Put writes a claim, or its newer state. It is on disk when Put returns.
func (j *Journal) Put(e Entry) error {
	data, err := json.Marshal(entry{
		Format: format, Owner: j.owner, TaskID: e.TaskID, RunID: e.RunID, TakenUntil: e.TakenUntil,
		Credentials: credentials{e.Credentials.ClientID, e.Credentials.AccessToken.Reveal(), e.Credentials.Certificate.Reveal()},
		Dir:         e.Dir, Own: e.Own, LogName: e.LogName, LiveName: e.LiveName, Expires: e.Expires,
	})
	if err == nil {
		err = private.Write(j.path(e.TaskID, e.RunID), data)
	}
	if err != nil {
		return fmt.Errorf("journal: note the claim of %s: %w", e.TaskID, err)
	}
	return nil
}

// Remove forgets a claim. One that is not there is no error.
func (j *Journal) Remove(taskID string, runID int64) error {
	if err := os.Remove(j.path(taskID, runID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: forget the claim of %s: %w", taskID, err)
	}
	return nil
}

const (
	suffix   = ".claim"
	lockName = "lock"
)

func (j *Journal) path(taskID string, runID int64) string {
	return filepath.Join(j.dir, fmt.Sprintf("%s_%d%s", taskID, runID, suffix))
}

//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/localtest"
)

// stubborn is a task whose processes, in its first run, outlive everything but a kill: one of them
// has a session of its own. It writes their ids to a file, and more to the log than is kept in memory.
func stubborn(file string) map[string]any {
	return sh("[ $RUN_ID = 0 ] || exit 0; trap '' TERM HUP; echo before the end; seq 200000; (setsid sh -c 'echo $$ > " + file + ".2; sleep 60') & echo $$ > " + file + ".1; sleep 60")
}

// running waits for the processes of a stubborn task and for its log to be on disk.
func (m *machine) running(file string) (pids []int) {
	m.t.Helper()
	for _, suffix := range []string{".1", ".2"} {
		until(m.t, "the task runs", func() bool {
			text, _ := os.ReadFile(file + suffix)
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err == nil {
				pids = append(pids, pid)
			}
			return err == nil
		})
	}
	return pids
}

// kill kills a worker as the system does: at once, and nothing else.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.ended
}

// nothingLeft fails when processes, directories or claims are left.
func (m *machine) nothingLeft(pids []int) {
	m.t.Helper()
	for _, pid := range pids {
		if runtime.GOOS == "linux" {
			until(m.t, "the end of a process", func() bool { return gone(pid) })
		}
	}
	for _, pattern := range []string{"tasks/*", journalDir + "/*.claim"} {
		until(m.t, "no "+pattern, func() bool {
			left, err := filepath.Glob(filepath.Join(m.dir, pattern))
			return err == nil && len(left) == 0
		})
	}
}

// gone tells whether a process has ended; one that nobody has waited for has.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// onDisk waits until the beginning of all logs is on disk: a whole block of each, as a worker that
// is killed may leave a part of one.
func (m *machine) onDisk(logs int) {
	m.t.Helper()
	until(m.t, "the log is on disk", func() bool {
		spools, _ := filepath.Glob(filepath.Join(m.dir, "tasks/own_*/task-*.log.gz"))
		n := 0
		for _, path := range spools {
			const headerSize, marker = 10, "\x00\x00\xff\xff" // see package tasklog
			if text, err := os.ReadFile(path); err == nil && len(text) > headerSize && strings.Contains(string(text[headerSize:]), marker) {
				n++
			}
		}
		return n == logs
	})
}

// TestKilledWorker: the next worker hands all tasks back at the same time, and runs them again.
func TestKilledWorker(t *testing.T) {
	const tasks = 3
	m := newMachine(t, map[string]any{"capacity": tasks, "numberOfTasksToRun": tasks})
	var ids []string
	var pids []int
	file := filepath.Join(m.dir, "pid")
	for i := range tasks {
		ids = append(ids, m.create(stubborn(file+strconv.Itoa(i))))
	}
	first := m.start()
	for i := range tasks {
		pids = append(pids, m.running(file+strconv.Itoa(i))...)
	}
	m.onDisk(tasks)
	first.kill()
	begin := time.Now()
	second := m.start()
	for _, id := range ids {
		m.resolved(id, 0, "worker-shutdown")
	}
	took := time.Since(begin)
	t.Logf("handed back after %v", took)
	if took > time.Minute { // far less on a machine that is not busy
		t.Errorf("handed back after %v", took)
	}
	for _, pid := range pids {
		if runtime.GOOS == "linux" && !gone(pid) {
			t.Errorf("process %d goes on", pid)
		}
	}
	for _, id := range ids {
		for _, name := range []string{backing, "public/logs/live.log"} {
			contains(t, m.artifact(id, 0, name), "] === Task Starting ===\n", "\nbefore the end\n1\n2\n", "\n[taskcluster:error] the worker was killed while this task ran")
		}
		m.resolved(id, 1, "completed")
	}
	second.exits(exitEnough)
	m.nothingLeft(pids)
}

// TestKilledWorkerWithLostClaims: what is no longer this worker's is dropped without a report,
// and its processes and directories all the same.
func TestKilledWorkerWithLostClaims(t *testing.T) {
	for name, lose := range map[string]func(m *machine, id string){
		"cancelled": func(m *machine, id string) {
			if _, err := m.queue().CancelTask(id); err != nil {
				m.t.Fatal(err)
			}
		},
		"expired": func(m *machine, id string) {
			until(m.t, "the claim expires", func() bool { return m.reason(id, 0) == "claim-expired" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, nil, localtest.ClaimTimeout(2*time.Second))
			file := filepath.Join(m.dir, "pid")
			id := m.create(stubborn(file))
			first := m.start()
			pids := m.running(file)
			first.kill()
			lose(m, id)
			if _, err := m.queue().CancelTask(id); err != nil { // else there is a next run
				t.Fatal(err)
			}
			second := m.start()
			m.nothingLeft(pids)
			until(t, "the claim is dropped", func() bool { return strings.Contains(second.stderr.String(), "no longer this worker's") })
			_ = second.cmd.Process.Signal(syscall.SIGTERM)
			second.exits(exitDrained)
		})
	}
}

// TestJournalOfAnotherWorker: a disk that was copied to another machine. Its task is left alone.
func TestJournalOfAnotherWorker(t *testing.T) {
	m := newMachine(t, nil)
	file := filepath.Join(m.dir, "pid")
	id := m.create(stubborn(file))
	first := m.start()
	pids := m.running(file)
	first.kill()
	m.config["workerId"], m.config["idleTimeoutSecs"] = "worker-2", 1
	second := m.start()
	second.exits(exitIdle)
	if got := m.reason(id, 0); got != "running" {
		t.Errorf("the other worker's run is %s", got)
	}
	contains(t, second.stderr.String(), "it is another worker's")
	for _, pid := range pids { // where a cgroup has not told that they are nobody's
		if !gone(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// TestTwoWorkersInOneFolder: the second one ends at once, and leaves the task and the files of the
// first one alone.
func TestTwoWorkersInOneFolder(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1, "shutdownMachineOnInternalError": true})
	started, goOn := filepath.Join(m.dir, "started"), filepath.Join(m.dir, "go-on")
	id := m.create(sh("echo > "+started+"; while [ ! -e "+goOn+" ]; do sleep 0.05; done", "pwd; [ -d \"$TASK_WORKDIR\" ]"))
	first := m.start()
	until(t, "the task runs", func() bool { _, err := os.Stat(started); return err == nil })
	second := m.start()
	second.exits(exitUnreadable)
	contains(t, second.stderr.String(), "another worker runs in this folder")
	if _, err := os.Stat(filepath.Join(m.dir, "tmp", "worker-status.json")); err != nil {
		t.Errorf("the status of the first worker: %v", err)
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.resolved(id, 0, "completed")
	first.exits(exitEnough)
}

// TestJournalWhileATaskRuns: a claim is there while its task runs, for the worker's user alone.
func TestJournalWhileATaskRuns(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1})
	id := m.create(sh("cat " + filepath.Join(m.dir, journalDir) + "/*.claim | tr -d '\\n' | sed 's/accessToken.*//'"))
	m.start().exits(exitEnough)
	m.resolved(id, 0, "completed")
	contains(t, m.artifact(id, 0, backing), `"taskId":"`+id+`"`) // the engine insecure hides nothing from a task
	m.nothingLeft(nil)
	info, err := os.Stat(filepath.Join(m.dir, journalDir))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestCancelledIsNoticed: the worker asks, and ends what was cancelled.
func TestCancelledIsNoticed(t *testing.T) {
	m := newMachine(t, map[string]any{"workerkit": map[string]any{"cancelPollSecs": 1, "killGraceSecs": 0}})
	file := filepath.Join(m.dir, "pid")
	id := m.create(stubborn(file))
	p := m.start()
	pids := m.running(file)
	if _, err := m.queue().CancelTask(id); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	until(t, "the worker has let go", func() bool { return strings.Contains(p.stderr.String(), "taskFinish") })
	t.Logf("ended after %v", time.Since(begin))
	contains(t, p.stderr.String(), "the queue has ended the run: canceled")
	m.resolved(id, 0, "canceled")
	for _, c := range m.Calls() {
		if strings.HasPrefix(c.Method, "report") || c.Method == "reclaimTask" {
			t.Errorf("%s was called", c.Method)
		}
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.exits(exitDrained)
	m.nothingLeft(pids)
}

// TestCancelledIsNotAskedFor: with 0 nobody asks.
func TestCancelledIsNotAskedFor(t *testing.T) {
	m := newMachine(t, map[string]any{"numberOfTasksToRun": 1, "workerkit": map[string]any{"cancelPollSecs": 0}})
	m.create(sh("sleep 2"))
	m.start().exits(exitEnough)
	if n := m.counts()["queue.statuses"]; n > 0 {
		text, _ := json.Marshal(m.counts())
		t.Errorf("calls %s", text)
	}
}

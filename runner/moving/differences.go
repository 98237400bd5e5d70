package moving

// Difference is something that ours does in another way than the public programs, on purpose.
type Difference struct {
	Half  string // runner or worker
	Topic string
	Today string // the public programs
	Ours  string
	Next  string // what to do about it; "" for nothing

	applies func(*look) bool // nil for everywhere
}

// The two halves.
const (
	runnerHalf = "runner"
	workerHalf = "worker"
)

// Differences are those that can be seen from outside, the runner's first.
func Differences() []Difference {
	return append(runnerDifferences(), workerDifferences()...)
}

func runnerDifferences() []Difference {
	return []Difference{
		{runnerHalf, "a worker that crashes", "start-worker ends with 1; the machine stays, registered, and does nothing",
			"the worker is started again, three times in ten minutes; then a cloud's machine is removed, another one's start-worker ends",
			"change it with policy in the runner config", nil},
		{runnerHalf, "a machine that is broken", "start-worker ends with 1; the machine stays",
			"a bad key, a refused registration: it is reported, and a cloud's machine removed ten minutes after its boot; a hold file stops that", "", (*look).cloud},
		{runnerHalf, "exit code of start-worker", "1 for any worker that ended with another code than 0",
			"0 for 67, 68, 70 and 72 as well, 1 for the others; exitWithWorkerCode passes the worker's on",
			"look through what reads it: scripts, alarms, SuccessExitStatus", nil},
		{runnerHalf, "ending start-worker", "SIGTERM ends start-worker alone and leaves the worker behind",
			"the worker hands its tasks back first, for up to a minute, then both end", "", nil},
		{runnerHalf, "static with cacheOverRestarts", "refuses to start a second time",
			"registers anew at each start, and goes on with the file when worker-manager does not answer", "", (*look).staticAndSaved},
		{runnerHalf, "a start with cacheOverRestarts", "the worker gets the credentials of the first start, the runner config wins over the pool's, lists are appended once more",
			"the newest credentials and the layers in their usual order", "", (*look).cloudAndSaved},
		{runnerHalf, "renewal of credentials", "one attempt; when it fails the worker is ended", "tried again until shortly before they end", "", nil},
		{runnerHalf, "a machine that goes away", "running tasks are given back at once",
			"they are finished when ten minutes are left (notices.finishTasksIfLeft); Azure's events of other machines do not count", "", (*look).cloud},
		{runnerHalf, "metadata services", "asked through HTTP_PROXY; a machine of AWS or Google without a public address cannot start",
			"asked without a proxy; no public address is needed", "", (*look).cloud},
		{runnerHalf, "keys in the runner config", "an unknown one is ignored, a wrong type ends the start after the registration",
			"an unknown one is a warning with its line, a wrong one ends the start before", "", nil},
		{runnerHalf, "a pool's config with keys beside genericWorker", "the whole goes to the worker, which refuses it (64)", "they are left out, with a warning", "", nil},
		{runnerHalf, "files", "files in a secret end the start; files of the pool are executable and readable for all", "files in a secret are written, owner-only; those of the pool as before", "", nil},
		{runnerHalf, "the worker's config file", "keeps the mode and the owner that it has; a link is followed", "is made owner-only at each start; a link is replaced", "", nil},
		{runnerHalf, "start-worker's log", "plain text", "plain text of the same form, with other words; logging.format: json or journald on request",
			"look through what searches it", nil},
		{runnerHalf, "control socket", "none", "status, drain and metrics on a Unix socket that only its owner can use; controlSocket: false turns it off", "", nil},
	}
}

func workerDifferences() []Difference {
	return []Difference{
		{workerHalf, "livelog and taskcluster-proxy", "programs that must be installed", "part of the worker; livelogExecutable and taskclusterProxyExecutable are accepted and not used",
			"leave the programs installed until there is no way back", nil},
		{workerHalf, "engine", "built in: one program for each", "one program; its name, else its user, or workerkit.engine chooses", "", nil},
		{workerHalf, "killing a task", "SIGKILL to the process groups of its commands", "SIGTERM, SIGKILL after five seconds (workerkit.killGraceSecs), to all of its processes where the system knows them", "", nil},
		{workerHalf, "a cancelled task", "runs on until its claim is renewed, up to 17 minutes", "ends within about a minute (workerkit.cancelPollSecs)", "", nil},
		{workerHalf, "a worker that was killed", "its tasks wait until their claims expire, 20 minutes", "the next start hands them back at once (workerkit-journal)", "", nil},
		{workerHalf, "files of writable caches", "given to each task's user at each mount (chown -R)", "mounted; on disk they keep the user of their first task, which the public worker changes when it comes back", "", (*look).linux},
		{workerHalf, "downloads that are kept", "hashed again at each use; those of inline content are kept too", "hashed again when the file has been touched; inline content is not kept", "", nil},
		{workerHalf, "contents in base64", "mounted without being decoded", "decoded", "", nil},
		{workerHalf, "switches that are off", "enableMounts, enableOSGroups or enableResourceMonitor: false makes every task malformed", "only tasks that ask for the feature", "", (*look).switchedOff},
		{workerHalf, "a task's log", "the worker's line can continue a line of the command", "the worker's lines always begin a line; the live log can be read from the middle and from the end", "", nil},
		{workerHalf, "artifacts", "copied and compressed to a second file, then uploaded", "read with the task's rights and compressed while they are uploaded; contentEncoding zstd is accepted too", "", nil},
		{workerHalf, "a full disk", "up to capacity tasks are claimed when requiredDiskSpaceMegabytes is free", "no more tasks at once than that is free for", "", nil},
		{workerHalf, "memory", "all tasks end when too much is used", "the task that uses the most ends first", "", (*look).several},
		{workerHalf, "a machine that fails every task", "goes on", "claims no more after three in a row (workerkit.maxFaultyRuns)", "", nil},
		{workerHalf, "two workers in one folder", "both run, and spoil each other's files", "the second one ends: 64 for the working directory, 73 for tasksDir", "", nil},
		{workerHalf, "keys of older releases", "refused (64)", "accepted, with a warning for each", "", nil},
		{workerHalf, "the next task", "at least 5 seconds between two claims, after directories are deleted", "at once; directories are deleted in the background", "", nil},
		{workerHalf, "desktop mode", "waits for a login that does not come without gdm3", "runs tasks headless, with a warning, where headlessTasks is not set and there is no gdm3", "", (*look).linuxMultiuser},
		{workerHalf, "payloads of docker-worker", "what d2gConfig does not allow is left out in silence; images are pulled for every task", "it is said in the task's log; images are kept", "", (*look).docker},
	}
}

func (l *look) cloud() bool { return l.m.Config.Place.Kind.Ephemeral }

func (l *look) staticAndSaved() bool {
	return l.m.Config.Place.Kind.Name == "static" && l.m.Config.StateFile != ""
}

func (l *look) cloudAndSaved() bool { return l.cloud() && l.m.Config.StateFile != "" }

func (l *look) linux() bool { return l.m.OS == "linux" }

func (l *look) linuxMultiuser() bool { return l.linux() && l.chosenEngine() == "multiuser" }

func (l *look) switchedOff() bool {
	return l.off("enableMounts") || l.off("enableOSGroups") || l.off("enableResourceMonitor")
}

func (l *look) several() bool {
	n, _ := l.value("capacity").(float64)
	return n > 1
}

func (l *look) docker() bool {
	d2g, _ := l.value("d2gConfig").(map[string]any)
	on, _ := d2g["enableD2G"].(bool)
	return on
}

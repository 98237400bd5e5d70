package moving

// renamed says what a key of docker-worker is for our worker.
type renamed struct {
	key   string
	ours  string // "" when there is none, which then holds for all keys in it
	note  string
	next  string // what to do; "" to write it where configs are
	whole bool   // an object that is one line, as names in it are an operator's own
	risky bool   // whether the key lets tasks out of their container, or at the machine's devices
}

const (
	inPool     = "write it to the pool's genericWorker.config, or to the runner config's workerConfig"
	unlessOff  = "ours allows it unless the key is false"
	fromRunner = "start-worker writes it at each start"
)

// dockerKeys are the keys of docker-worker of which something is to be said. Any other has no counterpart.
func dockerKeys() []renamed {
	return append(dockerAbilities(), []renamed{
		{key: "accessToken", ours: "accessToken", next: fromRunner},
		{key: "cache.volumeCachePath", ours: "cachesDir", note: "its caches are not taken over: name another folder"},
		{key: "capacity", ours: "capacity"},
		{key: "capacityManagement.diskspaceThreshold", ours: "requiredDiskSpaceMegabytes", note: "bytes there, megabytes here"},
		{key: "clientId", ours: "clientId", next: fromRunner},
		{key: "deviceManagement.cpu", note: "workerkit.taskLimits.cpuWeight shares the processors"},
		{key: "dockerConfig.defaultRegistry", note: "images without a registry are the engine's to find: name it in the tasks, or in the engine's own config"},
		{key: "ed25519SigningKeyLocation", ours: keyLocation, note: "a seed in base64, as generic-worker new-ed25519-keypair writes it"},
		{key: "garbageCollection", note: "what no task needs is deleted when requiredDiskSpaceMegabytes is no longer free"},
		{key: "interactive", note: "interactivePort is the port of shells"},
		{key: "logging", note: "the worker's log goes to standard error"},
		{key: "maxTaskRunTime", ours: "maxTaskRunTime", note: "in seconds"},
		{key: "provisionerId", ours: "provisionerId", next: fromRunner},
		{key: "registries", note: "a docker login of the worker's user counts, in its ~/.docker/config.json", whole: true},
		{key: "rootUrl", ours: "rootURL", next: fromRunner},
		{key: "rootURL", ours: "rootURL", next: fromRunner},
		{key: "shutdown.afterIdleSeconds", ours: "idleTimeoutSecs"},
		{key: "shutdown.enabled", ours: "shutdownMachineOnIdle", note: "in a pool of a cloud the end of the worker removes the machine, and the key is not needed"},
		{key: "ssl.certificate", ours: "livelogCertificate", note: "a file in PEM form, livelogKey with it"},
		{key: "ssl.key", ours: "livelogKey", note: "a file in PEM form, livelogCertificate with it"},
		{key: "ssl", note: "livelogCertificate and livelogKey name the files of live logs over HTTPS"},
		{key: "taskcluster", note: "start-worker writes the worker's credentials at each start", whole: true},
		{key: "workerGroup", ours: "workerGroup", next: fromRunner},
		{key: "workerId", ours: "workerId", next: fromRunner},
		{key: "workerType", ours: "workerType", next: fromRunner},
		{key: "wstAudience", ours: "wstAudience", note: "wstServerURL with it"},
		{key: "wstServerURL", ours: "wstServerURL", note: "wstAudience with it"},
	}...)
}

// dockerAbilities are those about what tasks may have.
func dockerAbilities() []renamed {
	return []renamed{
		{key: "dockerConfig.allowPrivileged", ours: "d2gConfig.allowPrivileged", note: unlessOff, risky: true},
		{key: "dockerConfig.allowDisableSeccomp", ours: "d2gConfig.allowDisableSeccomp", note: unlessOff, risky: true},
		{key: "deviceManagement.kvm.enabled", ours: "d2gConfig.allowKVM", note: unlessOff, risky: true},
		{key: "deviceManagement.hostSharedMemory.enabled", ours: "d2gConfig.allowHostSharedMemory", note: unlessOff, risky: true},
		{key: "deviceManagement.loopbackVideo.enabled", ours: "d2gConfig.allowLoopbackVideo", note: unlessOff, risky: true},
		{key: "deviceManagement.loopbackAudio.enabled", ours: "d2gConfig.allowLoopbackAudio", note: unlessOff, risky: true},
		{key: "features.allowPtrace.enabled", ours: "d2gConfig.allowPtrace", note: unlessOff, risky: true},
		{key: "features.interactive.enabled", ours: "d2gConfig.allowInteractive", note: unlessOff, risky: true},
		{key: "features.artifacts", note: "they are always on"},
		{key: "features.chainOfTrust.enabled", ours: "d2gConfig.allowChainOfTrust", note: unlessOff},
		{key: "features.dind", note: "tasks that ask for it are malformed"},
		{key: "features.dockerSave", note: "tasks that ask for it are malformed"},
		{key: "features.localLiveLog.enabled", ours: "enableLiveLog"},
		{key: "features.taskclusterProxy.enabled", ours: "d2gConfig.allowTaskclusterProxy", note: unlessOff},
	}
}

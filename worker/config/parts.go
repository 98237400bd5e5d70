package config

// D2G says whether payloads of docker-worker are run, in containers, and what tasks may have there.
// What is not allowed is left out of a payload that asks for it.
type D2G struct {
	EnableD2G             bool   `json:"enableD2G"`
	AllowChainOfTrust     bool   `json:"allowChainOfTrust"`
	AllowDisableSeccomp   bool   `json:"allowDisableSeccomp"`
	AllowGPUs             bool   `json:"allowGPUs"`
	AllowHostSharedMemory bool   `json:"allowHostSharedMemory"`
	AllowInteractive      bool   `json:"allowInteractive"`
	AllowKVM              bool   `json:"allowKVM"`
	AllowLoopbackAudio    bool   `json:"allowLoopbackAudio"`
	AllowLoopbackVideo    bool   `json:"allowLoopbackVideo"`
	AllowPrivileged       bool   `json:"allowPrivileged"`
	AllowPtrace           bool   `json:"allowPtrace"`
	AllowTaskclusterProxy bool   `json:"allowTaskclusterProxy"`
	GPUs                  string `json:"gpus"`
	LogTranslation        bool   `json:"logTranslation"`
}

// Workerkit is what we add to the public program's configuration.
type Workerkit struct {
	// Engine is the engine's name; "" lets the program decide.
	Engine string `json:"engine"`
	// KillGraceSecs is how long commands that are ended early may take to obey, in seconds.
	KillGraceSecs uint `json:"killGraceSecs"`
	// CancelPollSecs is how often the queue is asked whether running tasks were cancelled, in
	// seconds; 0 is never.
	CancelPollSecs uint `json:"cancelPollSecs"`
	// BlockMetadata closes the clouds' metadata services to the users of tasks.
	BlockMetadata bool `json:"blockMetadata"`
	// TaskLimits are of the processes of each task together.
	TaskLimits TaskLimits `json:"taskLimits"`
	// MaxFaultyRuns is after how many runs in a row that fail through the worker's fault it stops
	// claiming; 0 is never.
	MaxFaultyRuns uint `json:"maxFaultyRuns"`
	// StuckAfterSecs is how long a run may take for anything but its commands before it is ended, in
	// seconds; 0 is for ever.
	StuckAfterSecs uint `json:"stuckAfterSecs"`
	// ResourceCharts makes artifacts of what each task of more than ten seconds used.
	ResourceCharts bool `json:"resourceCharts"`
	// PreloadedCaches are directories of the machine that become writable caches.
	PreloadedCaches []PreloadedCache `json:"preloadedCaches"`
}

// PreloadedCache is a directory that is there before the first task, of the image for example.
type PreloadedCache struct {
	CacheName string `json:"cacheName"`
	Directory string `json:"directory"` // absolute
}

// TaskLimits are limits of one task; 0 is none.
type TaskLimits struct {
	MemoryMegabytes uint `json:"memoryMegabytes"`
	Processes       uint `json:"processes"` // threads included
	CPUWeight       uint `json:"cpuWeight"` // 1 to 10000, 100 is usual
}

// Defaults is the configuration before the file is read.
func Defaults() Config {
	return Config{
		AllowedHighMemoryDurationSecs: 5,
		CachesDir:                     "caches",
		Capacity:                      1,
		CleanUpTaskDirs:               true,
		DownloadsDir:                  "downloads",
		EnableChainOfTrust:            true,
		EnableInteractive:             true,
		EnableLiveLog:                 true,
		EnableLoopbackAudio:           true,
		EnableLoopbackVideo:           true,
		EnableMetadata:                true,
		EnableMounts:                  true,
		EnableOSGroups:                true,
		EnableRDP:                     true,
		EnableResourceMonitor:         true,
		EnableRunAsAdministrator:      true,
		EnableRunTaskAsCurrentUser:    true,
		EnableTaskclusterProxy:        true,
		InteractivePort:               53654,
		LivelogExecutable:             "livelog",
		LivelogPortBase:               60098,
		LoopbackAudioDeviceNumber:     16,
		MaxMemoryUsagePercent:         90,
		MaxTaskRunTime:                86400,
		MinAvailableMemoryBytes:       524288000,
		ProvisionerID:                 "test-provisioner",
		RequiredDiskSpaceMegabytes:    10240,
		SentryProject:                 "generic-worker",
		TaskclusterProxyExecutable:    "taskcluster-proxy",
		TaskclusterProxyPort:          80,
		TasksDir:                      "tasks",
		WorkerGroup:                   "test-worker-group",
		WorkerTypeMetadata:            map[string]any{},
		Workerkit:                     Workerkit{KillGraceSecs: 5, CancelPollSecs: 60, MaxFaultyRuns: 3, StuckAfterSecs: 3600},
		D2GConfig: D2G{
			AllowChainOfTrust: true, AllowDisableSeccomp: true, AllowHostSharedMemory: true,
			AllowInteractive: true, AllowKVM: true, AllowLoopbackAudio: true, AllowLoopbackVideo: true,
			AllowPrivileged: true, AllowPtrace: true, AllowTaskclusterProxy: true,
			GPUs: "all", LogTranslation: true,
		},
	}
}

// TaskQueueID is the worker's pool.
func (c *Config) TaskQueueID() string { return c.ProvisionerID + "/" + c.WorkerType }

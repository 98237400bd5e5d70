package config

// D2G says how payloads of docker-worker are translated. This worker has no container engine
// yet: EnableD2G is refused.
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
		Workerkit:                     Workerkit{KillGraceSecs: 5},
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

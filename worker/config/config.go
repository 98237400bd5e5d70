// Package config is the worker's configuration file: a JSON object with the keys of the public
// generic-worker, and one object of our own, workerkit.
package config

import (
	"net"

	"github.com/workerkit/workerkit/internal/secret"
)

// Config is the configuration with defaults filled in. It does not change after Load and Fit.
type Config struct {
	AccessToken                    secret.String  `json:"accessToken,omitzero"`
	AllowedHighMemoryDurationSecs  uint64         `json:"allowedHighMemoryDurationSecs"`
	AvailabilityZone               string         `json:"availabilityZone"`
	CachesDir                      string         `json:"cachesDir"`
	Capacity                       uint8          `json:"capacity"`
	Certificate                    secret.String  `json:"certificate,omitzero"`
	CleanUpTaskDirs                bool           `json:"cleanUpTaskDirs"`
	ClientID                       string         `json:"clientId"`
	CreateObjectArtifacts          bool           `json:"createObjectArtifacts"`
	D2GConfig                      D2G            `json:"d2gConfig"`
	DisableNativePayloads          bool           `json:"disableNativePayloads"`
	DisableOOMProtection           bool           `json:"disableOOMProtection"`
	DisableReboots                 bool           `json:"disableReboots"`
	DownloadsDir                   string         `json:"downloadsDir"`
	Ed25519SigningKeyLocation      string         `json:"ed25519SigningKeyLocation"`
	EnableChainOfTrust             bool           `json:"enableChainOfTrust"`
	EnableInteractive              bool           `json:"enableInteractive"`
	EnableLiveLog                  bool           `json:"enableLiveLog"`
	EnableLoopbackAudio            bool           `json:"enableLoopbackAudio"`
	EnableLoopbackVideo            bool           `json:"enableLoopbackVideo"`
	EnableMetadata                 bool           `json:"enableMetadata"`
	EnableMounts                   bool           `json:"enableMounts"`
	EnableOSGroups                 bool           `json:"enableOSGroups"`
	EnableRDP                      bool           `json:"enableRDP"`
	EnableResourceMonitor          bool           `json:"enableResourceMonitor"`
	EnableRunAsAdministrator       bool           `json:"enableRunAsAdministrator"`
	EnableRunTaskAsCurrentUser     bool           `json:"enableRunTaskAsCurrentUser"`
	EnableTaskclusterProxy         bool           `json:"enableTaskclusterProxy"`
	HeadlessTasks                  bool           `json:"headlessTasks"`
	IdleTimeoutSecs                uint           `json:"idleTimeoutSecs"`
	InstanceID                     string         `json:"instanceId"`
	InstanceType                   string         `json:"instanceType"`
	InteractivePort                uint16         `json:"interactivePort"`
	LivelogCertificate             string         `json:"livelogCertificate"`
	LivelogExecutable              string         `json:"livelogExecutable"`
	LivelogExposePort              uint16         `json:"livelogExposePort"`
	LivelogKey                     string         `json:"livelogKey"`
	LivelogPortBase                uint16         `json:"livelogPortBase"`
	LoopbackAudioDeviceNumber      uint8          `json:"loopbackAudioDeviceNumber"`
	LoopbackVideoDeviceNumber      uint8          `json:"loopbackVideoDeviceNumber"`
	MaxMemoryUsagePercent          uint64         `json:"maxMemoryUsagePercent"`
	MaxTaskRunTime                 uint32         `json:"maxTaskRunTime"`
	MinAvailableMemoryBytes        uint64         `json:"minAvailableMemoryBytes"`
	NumberOfTasksToRun             uint           `json:"numberOfTasksToRun"`
	PrivateIP                      net.IP         `json:"privateIP"`
	ProvisionerID                  string         `json:"provisionerId"`
	PublicIP                       net.IP         `json:"publicIP"`
	Region                         string         `json:"region"`
	RequiredDiskSpaceMegabytes     uint           `json:"requiredDiskSpaceMegabytes"`
	RootURL                        string         `json:"rootURL"`
	RunAfterUserCreation           string         `json:"runAfterUserCreation"`
	SentryProject                  string         `json:"sentryProject"`
	ShutdownMachineOnIdle          bool           `json:"shutdownMachineOnIdle"`
	ShutdownMachineOnInternalError bool           `json:"shutdownMachineOnInternalError"`
	TaskclusterProxyExecutable     string         `json:"taskclusterProxyExecutable"`
	TaskclusterProxyPort           uint16         `json:"taskclusterProxyPort"`
	TasksDir                       string         `json:"tasksDir"`
	WorkerGroup                    string         `json:"workerGroup"`
	WorkerID                       string         `json:"workerId"`
	WorkerLocation                 string         `json:"workerLocation"`
	WorkerType                     string         `json:"workerType"`
	WorkerTypeMetadata             map[string]any `json:"workerTypeMetadata"`
	WSTAudience                    string         `json:"wstAudience"`
	WSTServerURL                   string         `json:"wstServerURL"`
	Workerkit                      Workerkit      `json:"workerkit"`

	given    map[string]bool // names of the keys that the file has
	makesKey bool
}

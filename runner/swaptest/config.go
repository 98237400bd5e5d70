// Package swaptest holds strict stand-ins for the public programs, so that tests can swap
// either half of a machine: our runner with a public worker, and a public runner with our
// worker. They are made from what is known of the public programs' behaviour.
package swaptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// Exit codes of the public worker.
const (
	CodeConfigUnreadable = 64
	CodeConfigInvalid    = 73
	CodeDrained          = 72
)

// Config is the public worker's config: these keys, matched case-insensitively, and no others.
type Config struct {
	AccessToken                    string         `json:"accessToken"`
	AllowedHighMemoryDurationSecs  uint64         `json:"allowedHighMemoryDurationSecs"`
	AvailabilityZone               string         `json:"availabilityZone"`
	CachesDir                      string         `json:"cachesDir"`
	Capacity                       uint8          `json:"capacity"`
	Certificate                    string         `json:"certificate"`
	CleanUpTaskDirs                bool           `json:"cleanUpTaskDirs"`
	ClientID                       string         `json:"clientId"`
	CreateObjectArtifacts          bool           `json:"createObjectArtifacts"`
	D2GConfig                      map[string]any `json:"d2gConfig"`
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
	EnableResourceMonitor          bool           `json:"enableResourceMonitor"`
	EnableTaskclusterProxy         bool           `json:"enableTaskclusterProxy"`
	IdleTimeoutSecs                uint           `json:"idleTimeoutSecs"`
	InstanceID                     string         `json:"instanceId"`
	InstanceType                   string         `json:"instanceType"`
	InteractivePort                uint16         `json:"interactivePort"`
	LivelogExecutable              string         `json:"livelogExecutable"`
	LivelogExposePort              uint16         `json:"livelogExposePort"`
	LivelogPortBase                uint16         `json:"livelogPortBase"`
	LoopbackAudioDeviceNumber      uint8          `json:"loopbackAudioDeviceNumber"`
	LoopbackVideoDeviceNumber      uint8          `json:"loopbackVideoDeviceNumber"`
	MaxMemoryUsagePercent          uint64         `json:"maxMemoryUsagePercent"`
	MaxTaskRunTime                 uint32         `json:"maxTaskRunTime"`
	MinAvailableMemoryBytes        uint64         `json:"minAvailableMemoryBytes"`
	NumberOfTasksToRun             uint           `json:"numberOfTasksToRun"`
	PrivateIP                      string         `json:"privateIP"`
	ProvisionerID                  string         `json:"provisionerId"`
	PublicIP                       string         `json:"publicIP"`
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
}

// LoadConfig loads a config as the public worker does; code is its exit code when it refuses.
func LoadConfig(path string) (c Config, code int, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return c, CodeConfigUnreadable, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, CodeConfigUnreadable, err
	}
	for key, value := range map[string]string{
		"accessToken": c.AccessToken, "clientId": c.ClientID, "ed25519SigningKeyLocation": c.Ed25519SigningKeyLocation,
		"rootURL": c.RootURL, "workerId": c.WorkerID, "workerType": c.WorkerType,
	} {
		if value == "" {
			return c, CodeConfigInvalid, fmt.Errorf("config setting %s must be set", key)
		}
	}
	return c, 0, nil
}

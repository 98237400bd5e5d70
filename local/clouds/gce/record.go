package gce

import (
	"encoding/json"
	"fmt"
	"time"
)

// record is an instance as the cloud knows it. It holds no secret.
type record struct {
	ID             uint64            `json:"instanceId,string"`
	Name           string            `json:"name"`
	Zone           string            `json:"zone"`
	MachineType    string            `json:"machineType"`
	Image          string            `json:"image"`
	Created        time.Time         `json:"created"`
	ServiceAccount serviceAccount    `json:"serviceAccount"`
	Interfaces     []networkCard     `json:"networkInterfaces"`
	Scheduling     scheduling        `json:"scheduling"`
	Attributes     map[string]string `json:"attributes"`
}

// serviceAccount is who the instance acts as.
type serviceAccount struct {
	Email    string `json:"email"`
	UniqueID string `json:"uniqueId"` // sub in identity tokens
}

// networkCard is a network interface; the addresses that it does not have are "".
type networkCard struct {
	Network    string `json:"network"`
	IP         string `json:"ip,omitempty"`
	ExternalIP string `json:"externalIp,omitempty"`
	IPv6       string `json:"ipv6,omitempty"`
	MAC        string `json:"mac"`
}

type scheduling struct {
	OnHostMaintenance string `json:"onHostMaintenance"`
	Preemptible       bool   `json:"preemptible"`
}

func decodeRecord(data json.RawMessage) (record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, fmt.Errorf("gce: decode the record of an instance: %w", err)
	}
	return r, nil
}

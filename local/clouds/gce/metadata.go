package gce

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// events is what has been announced to an instance.
type events struct {
	preempted   bool
	maintenance string    // maintenance-event
	upcoming    time.Time // begin of the window of maintenance; zero when there is none
}

// window is how long the window of upcoming maintenance is.
const window = 2 * time.Hour

// metadata is the tree of an instance.
func metadata(r record, e events) folder {
	return folder{
		"instance": instance(r, e),
		"project": folder{
			"project-id":         project,
			"numeric-project-id": number(projectNumber),
			"attributes":         named{},
		},
	}
}

func instance(r record, e events) folder {
	attributes, interfaces := named{}, list{}
	for key, value := range r.Attributes {
		attributes[key] = value
	}
	for _, card := range r.Interfaces {
		interfaces = append(interfaces, card.metadata())
	}
	account := func(alias string) folder {
		return folder{
			"aliases": document{alias}, "email": r.ServiceAccount.Email,
			"scopes": document{"https://www.googleapis.com/auth/cloud-platform"},
		}
	}
	maintenance := "NONE"
	if e.maintenance != "" {
		maintenance = e.maintenance
	}
	return folder{
		"id": number(r.ID), "name": r.Name, "description": "", "image": r.Image,
		"hostname":             r.Name + ".c." + project + ".internal",
		"zone":                 fmt.Sprintf("projects/%d/zones/%s", projectNumber, r.Zone),
		"machine-type":         fmt.Sprintf("projects/%d/machineTypes/%s", projectNumber, r.MachineType),
		"cpu-platform":         "Intel Broadwell",
		"tags":                 document{},
		"attributes":           attributes,
		"network-interfaces":   interfaces,
		"service-accounts":     named{"default": account("default"), r.ServiceAccount.Email: account("default")},
		"scheduling":           r.Scheduling.metadata(),
		"preempted":            flag(e.preempted),
		"maintenance-event":    maintenance,
		"upcoming-maintenance": upcoming(r, e.upcoming),
		"virtual-clock":        folder{"drift-token": "0"},
	}
}

func (s scheduling) metadata() folder {
	return folder{
		"automatic-restart":   "FALSE", // worker-manager never wants one back
		"on-host-maintenance": s.OnHostMaintenance, "preemptible": flag(s.Preemptible),
	}
}

// metadata leaves out the addresses that the interface does not have.
func (c networkCard) metadata() folder {
	f := folder{"mac": c.MAC, "mtu": number(1460), "network": c.Network, "dns-servers": document{"169.254.169.254"}}
	if c.IP != "" {
		f["ip"], f["subnetmask"] = c.IP, "255.255.240.0"
		f["gateway"] = c.IP[:strings.LastIndex(c.IP, ".")] + ".1"
		access := list{}
		if c.ExternalIP != "" {
			access = append(access, folder{"external-ip": c.ExternalIP, "type": "ONE_TO_ONE_NAT"})
		}
		f["access-configs"] = access
	}
	if c.IPv6 != "" {
		f["ipv6s"] = document{c.IPv6}
	}
	return f
}

// upcoming is the maintenance that was announced. Its keys have underscores, unlike all others.
func upcoming(r record, start time.Time) any {
	if start.IsZero() {
		return "NONE"
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	return folder{
		"type": "SCHEDULED", "maintenance_status": "PENDING", "can_reschedule": strconv.FormatBool(!r.Scheduling.Preemptible),
		"window_start_time": at(start), "window_end_time": at(start.Add(window)), "latest_window_start_time": at(start),
	}
}

func flag(on bool) string { return strings.ToUpper(strconv.FormatBool(on)) }

package azure

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// serveInstance answers with the description of the machine, or the part of it that the path
// leads to. A single text is only to be had as text.
func (s *Service) serveInstance(w http.ResponseWriter, r *http.Request, path string) {
	part, ok := walk(s.instance(r.URL.Query().Get("api-version")), strings.FieldsFunc(path, func(c rune) bool { return c == '/' }))
	if !ok {
		refuse(w, http.StatusNotFound, "Not found")
		return
	}
	text, leaf := part.(string)
	switch asText := r.URL.Query().Get("format") == "text"; {
	case !asText && !leaf:
		send(w, part)
	case !asText:
		refuse(w, http.StatusBadRequest, "Bad request. The requested element is a leaf node: format=text must be specified")
	case leaf:
		writeText(w, text)
	default:
		writeText(w, strings.Join(list(part), "\n"))
	}
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text)) // whoever asked is gone when this fails
}

// walk follows keys and indexes into a description.
func walk(v any, path []string) (any, bool) {
	for _, step := range path {
		switch inner := v.(type) {
		case map[string]any:
			next, ok := inner[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(inner) {
				return nil, false
			}
			v = inner[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// list names what is inside, with a slash behind what has an inside of its own.
func list(v any) []string {
	var names []string
	if items, ok := v.([]any); ok {
		for i := range items {
			names = append(names, strconv.Itoa(i)+"/")
		}
		return names
	}
	members, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if _, leaf := members[name].(string); !leaf {
			name += "/"
		}
		names = append(names, name)
	}
	return names
}

// instance describes the machine, in the shape of the newest versions. All primitives are
// texts, and what does not apply is an empty one. Versions compare as texts.
func (s *Service) instance(version string) map[string]any {
	compute := s.compute()
	if version < "2021-01-01" {
		delete(compute, "userData")
	}
	if version < "2019-06-04" {
		delete(compute, "tagsList")
	}
	nics := []any{}
	for _, nic := range s.record.Interfaces {
		nics = append(nics, describe(nic))
	}
	return map[string]any{"compute": compute, "network": map[string]any{"interface": nics}}
}

func (s *Service) compute() map[string]any {
	r := s.record
	eviction := ""
	if r.Priority == "Spot" {
		eviction = "Delete"
	}
	listed, joined := []any{}, []string{}
	for _, t := range r.Tags {
		listed = append(listed, map[string]any{"name": t.Name, "value": t.Value})
		joined = append(joined, t.Name+":"+t.Value)
	}
	image := map[string]any{
		"id": r.Image.ID, "offer": r.Image.Offer, "publisher": r.Image.Publisher, "sku": r.Image.SKU,
		"version": r.Image.Version, "exactVersion": "", "communityGalleryImageId": "", "sharedGalleryImageId": "",
	}
	return map[string]any{
		"azEnvironment": "AzurePublicCloud", "customData": "", "evictionPolicy": eviction,
		"isHostCompatibilityLayerVm": "false", "licenseType": "", "location": r.Location, "name": r.Name,
		"offer": r.Image.Offer, "osType": "Linux", "placementGroupId": "", "physicalZone": "",
		"osProfile": map[string]any{"adminUsername": "", "computerName": computerName(r.Name), "disablePasswordAuthentication": "true"},
		"plan":      map[string]any{"name": "", "product": "", "publisher": ""}, "platformFaultDomain": "0",
		"platformSubFaultDomain": "", "platformUpdateDomain": "0", "priority": r.Priority,
		"provider": "Microsoft.Compute", "publicKeys": []any{}, "publisher": r.Image.Publisher,
		"resourceGroupName": r.ResourceGroup, "resourceId": r.resourceID(),
		"securityProfile": map[string]any{"secureBootEnabled": "false", "virtualTpmEnabled": "false", "encryptionAtHost": "false", "securityType": ""},
		"sku":             r.Image.SKU, "storageProfile": map[string]any{"dataDisks": []any{}, "imageReference": image, "resourceDisk": map[string]any{"size": "0"}},
		"subscriptionId": r.SubscriptionID, "tags": strings.Join(joined, ";"), "tagsList": listed,
		"userData": r.UserData, "version": r.Image.Version, "virtualMachineScaleSet": map[string]any{"id": ""},
		"vmId": r.VMID, "vmScaleSetName": "", "vmSize": r.VMSize, "zone": r.Zone,
	}
}

// computerName is the host name, which Windows bounds.
func computerName(name string) string { return name[:min(len(name), 15)] }

func describe(nic Interface) map[string]any {
	v4, v6, subnets := []any{}, []any{}, []any{}
	for _, a := range nic.IPv4 {
		v4 = append(v4, map[string]any{"privateIpAddress": a.Private, "publicIpAddress": a.Public})
		subnets = append(subnets, map[string]any{"address": "10.0.0.0", "prefix": "8"})
	}
	for _, a := range nic.IPv6 {
		v6 = append(v6, map[string]any{"privateIpAddress": a})
	}
	return map[string]any{
		"ipv4":       map[string]any{"ipAddress": v4, "subnet": subnets},
		"ipv6":       map[string]any{"ipAddress": v6},
		"macAddress": nic.MAC,
	}
}

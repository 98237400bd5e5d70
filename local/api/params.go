package api

import "regexp"

// paramPatterns are what route parameters must look like: the patterns of the schemas'
// properties of the same names. Other parameters may be anything.
func paramPatterns() map[string]*regexp.Regexp {
	slug := regexp.MustCompile(`^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$`)
	id := regexp.MustCompile(`^[a-zA-Z0-9-_]{1,38}$`)
	pool := regexp.MustCompile(`^[a-zA-Z0-9-_]{1,38}/[a-z]([-a-z0-9]{0,36}[a-z0-9])?$`)
	return map[string]*regexp.Regexp{
		"taskId": slug, "taskGroupId": slug, "runId": regexp.MustCompile(`^[0-9]+$`),
		"provisionerId": id, "workerType": id, "workerGroup": id, "workerId": id,
		"workerPoolId": pool, "taskQueueId": pool,
		"clientId":    regexp.MustCompile(`^[A-Za-z0-9!@/:.+|_-]+$`),
		"wstAudience": regexp.MustCompile(`^[a-zA-Z0-9_-]{1,38}$`), "wstClient": regexp.MustCompile(`^[a-zA-Z0-9_~.%-]+$`),
		"roleId": regexp.MustCompile(`^[\x20-\x7e]+$`),
	}
}

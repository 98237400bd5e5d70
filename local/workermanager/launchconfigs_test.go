package workermanager_test

import (
	"net/http"
	"testing"
)

// TestALaunchConfigIDIsOfOneContent: also of one that the pool has no more.
func TestALaunchConfigIDIsOfOneContent(t *testing.T) {
	e := startCloud(t)
	mine := func(zone string, manager map[string]any) map[string]any {
		manager["launchConfigId"] = "mine"
		return cloudBody(map[string]any{"launchConfigs": []any{map[string]any{"zone": zone, "workerManager": manager}}})
	}
	e.pool(map[string]any{"launchConfigs": []any{map[string]any{"zone": "y", "workerManager": map[string]any{"launchConfigId": "mine"}}}})
	e.OK(poolCall("updateWorkerPool", cloudPool, mine("y", map[string]any{"initialWeight": 0.5})), nil)
	e.OK(poolCall("updateWorkerPool", cloudPool, cloudBody(map[string]any{"launchConfigs": []any{map[string]any{"zone": "z"}}})), nil)
	if reply := e.Do(poolCall("updateWorkerPool", cloudPool, mine("x", map[string]any{}))); reply.Status != http.StatusBadRequest {
		t.Errorf("another content: %d", reply.Status)
	}
	e.OK(poolCall("updateWorkerPool", cloudPool, mine("y", map[string]any{})), nil)
}

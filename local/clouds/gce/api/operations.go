package api

import "time"

// operation is what has become of a change. Every operation is done once it can be asked for.
type operation struct {
	data object
}

// finish makes the operation of a change to the resource at target, with what went wrong where
// something did. The caller holds the lock.
func (a *API) finish(c call, target string, problems ...object) object {
	now := a.options.Clock().UTC().Format(time.RFC3339Nano)
	name := "operation-" + a.number()
	where := c.folder("operations") + "/" + name
	data := object{
		"kind": "compute#operation", "id": a.number(), "name": name, "operationType": kindOf(c),
		"targetLink": root + target, "status": "DONE", "progress": 100, "selfLink": root + where,
		"insertTime": now, "startTime": now, "endTime": now,
	}
	if c.zone() != "" {
		data["zone"] = root + c.place()
	}
	if len(problems) > 0 {
		data["error"] = object{"errors": problems}
	}
	a.operations[where] = operation{data}
	return data
}

func (a *API) getOperation(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	where := c.folder("operations") + "/" + c.PathValue("operation")
	o, there := a.operations[where]
	if !there {
		return nil, notFound(where)
	}
	return o.data, nil
}

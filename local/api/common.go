package api

import (
	"context"
	"net/http"
)

// commonHandlers are the methods that every service has.
func (s *Server) commonHandlers() map[string]Handler {
	return map[string]Handler{
		"ping":        s.ping,
		"lbheartbeat": empty,
		"heartbeat":   empty,
		"version":     version,
	}
}

func (s *Server) ping(context.Context, *Request) (any, error) {
	return map[string]any{"alive": true, "uptime": s.options.Clock().Sub(s.started).Seconds()}, nil
}

func empty(context.Context, *Request) (any, error) { return struct{}{}, nil }

// version says that this is no release of the real services.
func version(context.Context, *Request) (any, error) {
	return &Reply{Status: http.StatusOK, Body: map[string]string{
		"version": "taskcluster-local", "commit": "", "source": "", "build": "NONE",
	}}, nil
}

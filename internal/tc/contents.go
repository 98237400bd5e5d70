package tc

import (
	"context"
	"net/url"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// Contents are the calls of whoever wants to have what tasks have made. Errors are *Error, and
// hold neither a signed URL nor credentials.
type Contents interface {
	// Artifact tells how to get an artifact of the latest run of a task; links are followed.
	Artifact(ctx context.Context, taskID, name string) (ArtifactContent, error)
	// Find is the task that is indexed at a namespace.
	Find(ctx context.Context, namespace string) (taskID string, err error)
}

// ArtifactContent is how to get an artifact. Which fields count depends on StorageType.
type ArtifactContent struct {
	StorageType     string // s3, reference, object, error
	URL             string // s3, reference: may be signed; secret
	Name            string // object: its name, and what follows
	Credentials     Credentials
	Reason, Message string // error: why there is no such artifact
}

// ObjectDownload is where the data of an object are.
type ObjectDownload struct {
	URL     string            // signed; secret
	Expires time.Time         // of URL
	Hashes  map[string]string // of the data: algorithm to hex
}

// Contents returns the calls of whoever wants to have what tasks have made.
func (c *Client) Contents(source Source) Contents { return contents{c, source} }

type contents struct {
	client *Client
	source Source
}

// Artifact implements Contents.
func (c contents) Artifact(ctx context.Context, taskID, name string) (ArtifactContent, error) {
	var reply struct {
		StorageType string      `json:"storageType"`
		URL         string      `json:"url"`
		Name        string      `json:"name"`
		Credentials Credentials `json:"credentials"`
		Reason      string      `json:"reason"`
		Message     string      `json:"message"`
	}
	err := c.client.call(ctx, "queue.latestArtifact", "queue", c.source, func(client tcclient.Client) error {
		route := "/task/" + url.PathEscape(taskID) + "/artifact-content/" + url.PathEscape(name)
		_, _, err := client.APICall(nil, "GET", route, &reply, nil)
		return err
	})
	if err != nil {
		return ArtifactContent{}, err
	}
	return ArtifactContent(reply), nil
}

// Find implements Contents.
func (c contents) Find(ctx context.Context, namespace string) (string, error) {
	var reply struct {
		TaskID string `json:"taskId"`
	}
	err := c.client.call(ctx, "index.findTask", "index", c.source, func(client tcclient.Client) error {
		_, _, err := client.APICall(nil, "GET", "/task/"+url.PathEscape(namespace), &reply, nil)
		return err
	})
	return reply.TaskID, err
}

// StartDownload tells where the data of an object artifact are. The call is made with the
// credentials that came with its name.
func (c *Client) StartDownload(ctx context.Context, object ArtifactContent) (ObjectDownload, error) {
	type accept struct {
		GetURL bool `json:"getUrl"`
	}
	body := struct {
		Methods accept `json:"acceptDownloadMethods"`
	}{accept{true}}
	var reply struct {
		URL     string            `json:"url"`
		Expires tcclient.Time     `json:"expires"`
		Hashes  map[string]string `json:"hashes"`
	}
	err := c.call(ctx, "object.startDownload", "object", Fixed(object.Credentials), func(client tcclient.Client) error {
		_, _, err := client.APICall(&body, "PUT", "/start-download/"+url.PathEscape(object.Name), &reply, nil)
		return err
	})
	if err != nil {
		return ObjectDownload{}, err
	}
	return ObjectDownload{reply.URL, time.Time(reply.Expires), reply.Hashes}, nil
}

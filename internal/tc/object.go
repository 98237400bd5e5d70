package tc

import (
	"context"
	"net/url"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// Objects are the calls of an upload to the object service, made with the upload's own
// credentials. Errors are *Error. Failed attempts are repeated by the client's policy.
type Objects interface {
	// CreateUpload proposes to upload so many bytes by a PUT or, when inline is not nil, with the call itself.
	// It may be repeated, for a new URL.
	CreateUpload(ctx context.Context, u Upload, contentType string, length int64, inline []byte) (UploadMethod, error)
	// FinishUpload makes the object complete; sha256 and sha512 are of its data, in hex.
	FinishUpload(ctx context.Context, u Upload, sha256, sha512 string) error
}

// UploadMethod is what the object service chose of what was proposed.
type UploadMethod struct {
	Inline  bool              // the data has been taken
	PutURL  string            // a signed URL; secret. Empty: nothing that was proposed will do
	Headers map[string]string // to be sent as given
	Expires time.Time         // of PutURL
}

// Objects returns the calls of uploads to the object service.
func (c *Client) Objects() Objects { return objects{c} }

type objects struct{ client *Client }

// proposal is the body of createUpload. The public client's type always proposes both methods.
type proposal struct {
	ProjectID string        `json:"projectId"`
	UploadID  string        `json:"uploadId"`
	Expires   tcclient.Time `json:"expires"`
	Methods   struct {
		Inline *inlineData `json:"dataInline,omitempty"`
		Put    putData     `json:"putUrl"`
	} `json:"proposedUploadMethods"`
}

type inlineData struct {
	ContentType string `json:"contentType"`
	Data        []byte `json:"objectData"` // base64 in JSON
}

type putData struct {
	ContentType   string `json:"contentType"`
	ContentLength int64  `json:"contentLength"`
}

// chosen is the reply of createUpload.
type chosen struct {
	Method struct {
		Inline bool `json:"dataInline"`
		Put    struct {
			URL     string            `json:"url"`
			Expires tcclient.Time     `json:"expires"`
			Headers map[string]string `json:"headers"`
		} `json:"putUrl"`
	} `json:"uploadMethod"`
}

// CreateUpload implements Objects.
func (o objects) CreateUpload(ctx context.Context, u Upload, contentType string, length int64, inline []byte) (UploadMethod, error) {
	p := proposal{ProjectID: u.ProjectID, UploadID: u.UploadID, Expires: tcclient.Time(u.Expires)}
	p.Methods.Put = putData{contentType, length}
	if inline != nil {
		p.Methods.Inline = &inlineData{contentType, inline}
	}
	var reply chosen
	err := o.client.call(ctx, "object.createUpload", "object", Fixed(u.Credentials), func(c tcclient.Client) error {
		reply = chosen{}
		_, _, err := c.APICall(&p, "PUT", "/upload/"+url.PathEscape(u.Name), &reply, nil)
		return err
	})
	if err != nil {
		return UploadMethod{}, err
	}
	put := reply.Method.Put
	return UploadMethod{Inline: reply.Method.Inline, PutURL: put.URL, Headers: put.Headers, Expires: time.Time(put.Expires)}, nil
}

// FinishUpload implements Objects.
func (o objects) FinishUpload(ctx context.Context, u Upload, sha256, sha512 string) error {
	body := struct {
		ProjectID string            `json:"projectId"`
		UploadID  string            `json:"uploadId"`
		Hashes    map[string]string `json:"hashes"`
	}{u.ProjectID, u.UploadID, map[string]string{"sha256": sha256, "sha512": sha512}}
	return o.client.call(ctx, "object.finishUpload", "object", Fixed(u.Credentials), func(c tcclient.Client) error {
		_, _, err := c.APICall(&body, "POST", "/finish-upload/"+url.PathEscape(u.Name), nil, nil)
		return err
	})
}

package gce

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/workerkit/workerkit/local/api"
)

const (
	issuer = "https://accounts.google.com"
	valid  = time.Hour // how long an identity token counts
	skew   = 5 * time.Minute
)

// claims is what an identity token says.
type claims struct {
	jwt.RegisteredClaims
	Audience        string  `json:"aud"` // Google's is no array
	AuthorizedParty string  `json:"azp"`
	Email           string  `json:"email,omitempty"`
	EmailVerified   bool    `json:"email_verified,omitempty"`
	Google          *google `json:"google,omitempty"`
}

// GetAudience implements jwt.Claims.
func (c claims) GetAudience() (jwt.ClaimStrings, error) { return jwt.ClaimStrings{c.Audience}, nil }

// google is there in tokens with format=full.
type google struct {
	ComputeEngine computeEngine `json:"compute_engine"`
}

type computeEngine struct {
	InstanceConfidentiality   int    `json:"instance_confidentiality"`
	InstanceCreationTimestamp int64  `json:"instance_creation_timestamp"`
	InstanceID                string `json:"instance_id"`
	InstanceName              string `json:"instance_name"`
	ProjectID                 string `json:"project_id"`
	ProjectNumber             int64  `json:"project_number"`
	Zone                      string `json:"zone"`
}

// identity answers with an identity token of the service account at the path.
func (s *service) identity(w http.ResponseWriter, r *http.Request, account string) {
	if _, ok := find(metadata(s.record, events{}), account); !ok {
		refuse(w, r, http.StatusNotFound, "")
		return
	}
	query := r.URL.Query()
	audience := query.Get("audience")
	if audience == "" {
		http.Error(w, "non-empty audience parameter required", http.StatusBadRequest)
		return
	}
	token, err := s.cloud.sign(s.record, audience, query.Get("format") == "full", s.clock())
	if err != nil {
		http.Error(w, "the token cannot be signed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html") // this, of all, is not application/text
	_, _ = w.Write([]byte(token))
}

// sign makes an identity token.
func (c *Cloud) sign(r record, audience string, full bool, now time.Time) (string, error) {
	key, err := c.key()
	if err != nil {
		return "", fmt.Errorf("gce: make a key: %w", err)
	}
	says := claims{
		Audience: audience, AuthorizedParty: r.ServiceAccount.UniqueID,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: r.ServiceAccount.UniqueID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(valid)),
		},
	}
	if full {
		says.Email, says.EmailVerified = r.ServiceAccount.Email, true
		says.Google = &google{computeEngine{
			InstanceCreationTimestamp: r.Created.Unix(), InstanceID: strconv.FormatUint(r.ID, 10), InstanceName: r.Name,
			ProjectID: project, ProjectNumber: projectNumber, Zone: r.Zone,
		}}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, says)
	sum := sha256.Sum256(key.PublicKey.N.Bytes())
	token.Header["kid"] = hex.EncodeToString(sum[:20])
	return token.SignedString(key)
}

// Verify implements clouds.Cloud. All failures read the same, as in a real deployment.
func (c *Cloud) Verify(proof json.RawMessage, rootURL string, data json.RawMessage) error {
	r, err := decodeRecord(data)
	if err != nil {
		return err
	}
	if err := c.check(proof, rootURL, r); err != nil {
		return api.InputError("Token validation error")
	}
	return nil
}

// check tells whether proof is a token for rootURL of the instance.
func (c *Cloud) check(proof json.RawMessage, rootURL string, r record) error {
	var has struct {
		Token string `json:"token"`
	}
	decoder := json.NewDecoder(bytes.NewReader(proof))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&has); err != nil {
		return err
	}
	key, err := c.key()
	if err != nil {
		return err
	}
	var says claims
	_, err = jwt.ParseWithClaims(has.Token, &says, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithAudience(rootURL), jwt.WithIssuer(issuer),
		jwt.WithSubject(r.ServiceAccount.UniqueID), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(skew))
	if err != nil {
		return err
	}
	if says.Google == nil || says.Google.ComputeEngine.ProjectID != project ||
		says.Google.ComputeEngine.InstanceID != strconv.FormatUint(r.ID, 10) {
		return errors.New("the token is of another instance")
	}
	return nil
}

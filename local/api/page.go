package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Page is the part of a list that a call asks for: at most Limit items from the key From on.
type Page struct {
	Limit int
	From  string // "" is the start
}

// Cursor goes through a bucket in the order of its keys, as (*store.Tx).Each does.
type Cursor interface {
	Each(bucket, prefix, from string, fn func(key string, value []byte) (more bool, err error)) error
}

// PageOf reads limit and continuationToken of a query; limit is at most, and by default, most.
func PageOf(query url.Values, most int) (Page, error) {
	page := Page{Limit: most}
	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 {
			return page, badQuery("limit", text)
		}
		page.Limit = min(limit, most)
	}
	if token := query.Get("continuationToken"); token != "" {
		key, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return page, badQuery("continuationToken", token)
		}
		page.From = string(key)
	}
	return page, nil
}

func badQuery(name, value string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "InputError",
		Message: fmt.Sprintf("Query-string parameter %s=%q is not valid", name, value),
	}
}

// List collects a page of the values under prefix that keep wants (nil wants all). token is
// the continuationToken of the next page, "" at the end.
func List[T any](c Cursor, bucket, prefix string, page Page, keep func(T) bool) (items []T, token string, err error) {
	items = []T{}
	err = c.Each(bucket, prefix, page.From, func(key string, value []byte) (bool, error) {
		var item T
		if err := json.Unmarshal(value, &item); err != nil {
			return false, fmt.Errorf("list %s: decode %q: %w", bucket, key, err)
		}
		if keep != nil && !keep(item) {
			return true, nil
		}
		if len(items) == page.Limit {
			token = base64.RawURLEncoding.EncodeToString([]byte(key))
			return false, nil
		}
		items = append(items, item)
		return true, nil
	})
	return items, token, err
}
